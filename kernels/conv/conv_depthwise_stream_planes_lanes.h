/* Streams of all columns and planes, included by conv_depthwise_lanes.h after the stream itself. */

/* A body, apart from what fills its stream: compilers would keep masks and weights in registers that sums need. */
#define STREAM(name, ...)                                  \
    static NOT_IN_PLACE void name(const struct stream *s)  \
    {                                                      \
        stream_down(s, (struct stream_kind){__VA_ARGS__}); \
    }

typedef void stream_fn(const struct stream *s);

STREAM(stream_3x3_of_2, 3, 1, 2, false)
STREAM(stream_3x3_of_3, 3, 1, 3, false)
STREAM(stream_3x3_of_4, 3, 1, 4, false)
#if TW_CONV_5X5_STREAMS
STREAM(stream_5x5_of_2, 5, 1, 2, false)
STREAM(stream_5x5_of_2_masked, 5, 1, 2, true)
STREAM(stream_5x5_by_two_of_2, 5, 2, 2, false)
STREAM(stream_5x5_by_two_of_2_masked, 5, 2, 2, true)
#endif

static ptrdiff_t lanes_of(ptrdiff_t count)
{
    return count < 0 ? 0 : tw_conv_smaller(count, LANES);
}

/* Which of `at` … `at` + LANES - 1 are columns of a row. */
static tw_some columns_inside(ptrdiff_t at, ptrdiff_t width)
{
    const unsigned below = (1u << lanes_of(width - at)) - 1, outside = (1u << lanes_of(-at)) - 1;

    return tw_some_of(below & ~outside);
}

static ptrdiff_t vectors_of(const struct tw_conv_in_place *p)
{
    return (p->columns + LANES - 1) / LANES;
}

/* Vectors side by side: 3 x 3 all of a row, 5 x 5 two. */
static struct stream_kind kind_of(const struct tw_conv_in_place *p, int taps, bool all)
{
    return (struct stream_kind){taps, (int)p->step, taps == 3 ? (int)vectors_of(p) : 2, all};
}

/* Goes to the vectors from v on, or to the last ones of the row. */
static void go_to(struct stream *s, const struct stream_kind kind, ptrdiff_t v)
{
    const struct tw_conv_in_place *p = s->planes;
    const ptrdiff_t last = vectors_of(p) - kind.across;

    s->first = tw_conv_smaller(v, last) * LANES;
    s->last = v >= last ? p->columns - LANES - s->first : (kind.across - 1) * LANES;
    s->at = s->first * kind.step + p->origin[1];
    for (int k = 0; k < kind.across; k++) {
        for (int l = 0; l < loads_of(kind); l++) {
            const ptrdiff_t at = s->at + position_of(s, kind, k) * kind.step + column_of(kind, l);

            if (is_masked(kind, k, l)) {
                s->inside[k][l] = columns_inside(at, p->width);
            }
        }
    }
}

/* Whether a load without a mask would leave its row. */
static bool stream_leaves_row(const struct tw_conv_in_place *p, int taps)
{
    const struct stream_kind kind = kind_of(p, taps, false);
    struct stream s = {.planes = p};
    bool leaves = false;

    for (ptrdiff_t v = 0; v < vectors_of(p); v += kind.across) {
        go_to(&s, kind, v);
        for (int j = 0; j < kind.across * loads_of(kind); j++) {
            const int k = j / loads_of(kind), l = j % loads_of(kind);
            const ptrdiff_t at = s.at + position_of(&s, kind, k) * kind.step + column_of(kind, l);

            leaves = leaves || (!is_masked(kind, k, l) && (at < 0 || at + LANES > p->width));
        }
    }
    return leaves;
}

static void stream_planes(const struct tw_conv_in_place *planes, const struct stream_kind kind,
                          stream_fn *body)
{
    struct tw_conv_in_place p = *planes;
    const ptrdiff_t vectors = vectors_of(&p);
    struct stream s = {.planes = &p};
    float w[STREAM_TAPS * STREAM_TAPS];

    go_to(&s, kind, 0);
    for (; p.planes > 0; p.planes--) {
        s.ahead = p.planes > 1 ? p.source_plane : 0;
        s.w = p.w_tap == 1 ? p.w : w;
        for (int t = 0; p.w_tap != 1 && t < kind.taps * kind.taps; t++) {
            w[t] = p.w[t * p.w_tap];
        }
        for (ptrdiff_t v = 0; v < vectors; v += kind.across) {
            if (vectors > kind.across) {
                go_to(&s, kind, v);
            }
            body(&s);
        }
        p.source += p.source_plane;
        p.w += p.w_result;
        p.start += p.start ? 1 : 0;
        p.result += p.rows * p.columns;
    }
}

/* 3 x 3 with a step of 1 and rows of two to four vectors, if it is of the kind. In several blocks of columns, and with a step
 * of 2, rows as `in_place` takes them were faster: they are read once, one after the other. */
static bool stream_3x3(const struct tw_conv_in_place *p)
{
    static stream_fn *const bodies[] = {stream_3x3_of_2, stream_3x3_of_3, stream_3x3_of_4};
    const bool suits = p->channels == 1 && p->step == 1 && p->columns > LANES &&
                       p->columns <= STREAM_ACROSS * LANES && !stream_leaves_row(p, 3);

    if (suits) {
        stream_planes(p, kind_of(p, 3, false), bodies[vectors_of(p) - 2]);
    }
    return suits;
}

#if TW_CONV_5X5_STREAMS
/* tw_conv_is_5x5_in_place. */
static void stream_5x5(const struct tw_conv_in_place *p)
{
    static stream_fn *const bodies[2][2] = {{stream_5x5_of_2, stream_5x5_of_2_masked},
                                            {stream_5x5_by_two_of_2, stream_5x5_by_two_of_2_masked}};
    const bool all = stream_leaves_row(p, 5);

    stream_planes(p, kind_of(p, 5, all), bodies[p->step - 1][all]);
}
#endif
