/* Streams: kernels of 3 x 3 and 5 x 5 of one channel in place, included by conv_depthwise_lanes.h. See
 * conv_depthwise_in_place.h.
 *
 * A stream goes down the rows of the source, some vectors wide, and each row meets all rows of results that are under way: as
 * many as the kernel has rows, or half as many with a step of 2. What is loaded of the source is loaded once for
 * all of them, and each weight once for all vectors of a row, whose sums do not wait for one another. Where a stream begins and
 * ends, fewer rows of results are under way: turns there are bodies of their own, which leave the others out.
 */

/* Most vectors side by side, most loads of one of them, and the largest kernel. */
#define STREAM_ACROSS 4
#define STREAM_LOADS  6
#define STREAM_TAPS   5

_Static_assert(TW_CONV_5X5_ROWS >= STREAM_TAPS, "a stream's ends do not overlap");

/* A body, constants: taps both ways; step; vectors side by side; whether all loads are masked, or only those that reach half a
 * kernel beyond either end of a row (`is_masked` below). */
struct stream_kind {
    int taps, step, across;
    bool all;
};

/* Columns of results. */
struct stream {
    const struct tw_conv_in_place *planes;
    ptrdiff_t first; /* position */
    ptrdiff_t
        last;     /* vector, from there: the others follow one another, it is flush with the end of the row */
    ptrdiff_t at; /* source column of the first position and tap */
    ptrdiff_t ahead; /* from each source plane to the next */
    const float *w;  /* [taps][taps] */
    tw_some inside[STREAM_ACROSS][STREAM_LOADS];
};

/* Where it is. */
struct stream_place {
    ptrdiff_t top; /* the next row of the source */
    float *result; /* the next row */
    tw_vector start, weight[9], sum[STREAM_TAPS][STREAM_ACROSS];
};

IN_PLACE int under_way(const struct stream_kind kind)
{
    return (kind.taps + kind.step - 1) / kind.step;
}

/* A turn: its number, modulo the rows that are under way, and the rows that there are then, by the turns since they began. */
struct stream_turn {
    int number, youngest, oldest;
};

IN_PLACE int sum_of_age(const struct stream_kind kind, const int number, const int age)
{
    return (number + under_way(kind) - age) % under_way(kind);
}

IN_PLACE int loads_of(const struct stream_kind kind)
{
    return kind.step == 1 ? kind.taps : kind.taps + 1;
}

/* Position of vector k, from the first one on. */
IN_PLACE ptrdiff_t position_of(const struct stream *s, const struct stream_kind kind, const int k)
{
    return k == kind.across - 1 ? s->last : k * LANES;
}

/* Source column of load `l` of a vector, from its first position and tap on: step 1, one for each tap; step 2, two vectors for
 * taps 0 and 1, two for 2 and 3, two for 4. */
IN_PLACE ptrdiff_t column_of(const struct stream_kind kind, const int l)
{
    return kind.step == 1 ? l : l / 2 * 2 + l % 2 * LANES;
}

IN_PLACE bool is_masked(const struct stream_kind kind, const int k, const int l)
{
    const bool left = k == 0 && (kind.step == 1 ? l < kind.taps / 2 : l == 0);
    const bool right = k == kind.across - 1 && (kind.step == 1 ? l > kind.taps / 2 : l % 2 == 1 && l > 1);

    return kind.all || left || right;
}

IN_PLACE tw_vector load_of(const struct stream *s, const struct stream_kind kind, const float *x, const int k,
                           const int l)
{
    const float *from = x + position_of(s, kind, k) * kind.step + column_of(kind, l);

    return tw_vector_hold(is_masked(kind, k, l) ? tw_vector_load_some(from, s->inside[k][l])
                                                : tw_vector_load(from));
}

/* What columns `b` and, with a step of 2, b + 1 of the kernel meet: then every other one of two vectors, in crossed order,
 * which costs one operation. */
IN_PLACE void load_met(const struct stream *s, const struct stream_kind kind, const float *x, const int k,
                       const int b, tw_vector met[2])
{
    if (kind.step == 1) {
        met[0] = load_of(s, kind, x, k, b);
    } else {
        tw_vector_split_crossed(load_of(s, kind, x, k, b), load_of(s, kind, x, k, b + 1), &met[0], &met[1]);
    }
}

/* The next row of the source, or zeros; the same row of the next plane is fetched ahead. */
IN_PLACE const float *next_row(const struct stream *s, const struct stream_kind kind,
                               struct stream_place *place)
{
    const struct tw_conv_in_place *p = s->planes;
    const ptrdiff_t row = place->top++;
    const float *x;

    if (row < 0 || row >= p->height) {
        return p->zeros + s->at;
    }
    x = p->source + row * p->width + s->at;
    TW_UNROLL
    for (int i = 0; i < kind.across * kind.step; i += 2) {
        tw_fetch(x, s->ahead + i * LANES);
    }
    return x;
}

/* Sums are made before a branch that leaves some of them out: compilers would put them off until after it. */
IN_PLACE void hold_sums(const struct stream_kind kind, const struct stream_turn turn,
                        struct stream_place *place)
{
    TW_UNROLL
    for (int age = 0; age < STREAM_TAPS; age++) {
        tw_vector *sum = place->sum[sum_of_age(kind, turn.number, age % under_way(kind))];

        TW_UNROLL
        for (int k = 0; k < kind.across; k++) {
            if (age >= turn.youngest && age <= turn.oldest) {
                sum[k] = tw_vector_hold(sum[k]);
            }
        }
    }
}

/* Vectors that take what they meet to registers before a weight comes, which serves them all. If there are many, their sums
 * leave room for one, and the weights of a column stay instead. */
IN_PLACE int vectors_together(const struct stream_kind kind)
{
    return kind.across > 2 ? 1 : kind.across;
}

IN_PLACE tw_vector weight_of(const struct stream *s, const struct stream_kind kind, const int tap,
                             const struct stream_place *place)
{
    return TW_CONV_WEIGHTS_STAY && kind.taps == 3 ? place->weight[tap]
                                                  : tw_vector_hold(tw_vector_broadcast(s->w + tap));
}

/* The kernel rows of one parity, in column b and, with a step of 2, b + 1, meet vectors from the first one on. */
IN_PLACE void meet_columns(const struct stream *s, const struct stream_kind kind,
                           const struct stream_turn turn, const int odd, const float *x, const int b,
                           const int first, struct stream_place *place)
{
    tw_vector met[STREAM_ACROSS][2];

    TW_UNROLL
    for (int k = 0; k < vectors_together(kind); k++) {
        load_met(s, kind, x, first + k, b, met[k]);
    }
    TW_UNROLL
    for (int t = 0; t < 2 * STREAM_TAPS; t++) {
        const int i = t % STREAM_TAPS, j = t / STREAM_TAPS, a = i * kind.step + odd;

        if (i >= turn.youngest && i <= turn.oldest && j < kind.step && b + j < kind.taps && a < kind.taps) {
            const tw_vector weight = weight_of(s, kind, a * kind.taps + b + j, place);
            tw_vector *sum = place->sum[sum_of_age(kind, turn.number, i)];

            TW_UNROLL
            for (int k = 0; k < vectors_together(kind); k++) {
                sum[first + k] = tw_vector_fma(met[k][j], weight, sum[first + k]);
            }
        }
    }
}

/* A row of the source meets every kernel row of the same parity, `odd` or not, and all columns of it in turn. */
IN_PLACE void meet_row(const struct stream *s, const struct stream_kind kind, const struct stream_turn turn,
                       const int odd, struct stream_place *place)
{
    const float *x = next_row(s, kind, place);

    TW_UNROLL
    for (int b = 0; b < kind.taps; b += kind.step) {
        TW_UNROLL
        for (int k = 0; k < kind.across; k += vectors_together(kind)) {
            meet_columns(s, kind, turn, odd, x, b, k, place);
        }
    }
    hold_sums(kind, turn, place);
}

/* A row of results begins, the youngest, and the oldest, which has met its last row of the source, is stored; both if there are
 * such. */
IN_PLACE void take_turn(const struct stream *s, const struct stream_kind kind, const struct stream_turn turn,
                        struct stream_place *place)
{
    TW_UNROLL
    for (int k = 0; k < kind.across; k++) {
        if (turn.youngest == 0) {
            place->sum[sum_of_age(kind, turn.number, 0)][k] = place->start;
        }
    }
    meet_row(s, kind, turn, 0, place);
    if (turn.oldest == under_way(kind) - 1) {
        const tw_vector *sum = place->sum[sum_of_age(kind, turn.number, turn.oldest)];

        TW_UNROLL
        for (int k = 0; k < kind.across; k++) {
            tw_vector_store(place->result + position_of(s, kind, k),
                            kind.step == 1 ? sum[k] : tw_vector_uncross(sum[k]));
        }
        place->result += s->planes->columns;
    }
    if (kind.step == 2 && turn.youngest < under_way(kind) - 1) {
        meet_row(s, kind, turn, 1, place);
    }
}

/* A turn with all rows under way, `since` turns after the first such. Whether it was the last of them: then no row begins any
 * more, and the others end. */
IN_PLACE bool take_whole_turn(const struct stream *s, const struct stream_kind kind, const int since,
                              ptrdiff_t *left, struct stream_place *place)
{
    const int turns = under_way(kind), number = (turns - 1 + since) % turns;

    take_turn(s, kind, (struct stream_turn){number, 0, turns - 1}, place);
    if (--*left > 0) {
        return false;
    }
    TW_UNROLL
    for (int t = 1; t < turns; t++) {
        take_turn(s, kind, (struct stream_turn){(number + t) % turns, t, turns - 1}, place);
    }
    return true;
}

/* There is one at least: images have TW_CONV_IN_PLACE_ROWS or TW_CONV_5X5_ROWS of results. */
IN_PLACE void take_whole_turns(const struct stream *s, const struct stream_kind kind,
                               struct stream_place *place)
{
    const int turns = under_way(kind);
    ptrdiff_t left = s->planes->rows - (turns - 1);

    for (;;) {
        if (take_whole_turn(s, kind, 0, &left, place) || take_whole_turn(s, kind, 1, &left, place)) {
            return;
        }
        if (turns > 2 && take_whole_turn(s, kind, 2, &left, place)) {
            return;
        }
        if (turns > 3 &&
            (take_whole_turn(s, kind, 3, &left, place) || take_whole_turn(s, kind, 4, &left, place))) {
            return;
        }
    }
}

IN_PLACE void stream_down(const struct stream *s, const struct stream_kind kind)
{
    const struct tw_conv_in_place *p = s->planes;
    const int turns = under_way(kind);
    struct stream_place place = {.top = p->origin[0],
                                 .result = p->result + s->first,
                                 .start = p->start ? tw_vector_broadcast(p->start) : tw_vector_zero()};

    TW_UNROLL
    for (int t = 0; t < 9; t++) {
        place.weight[t] = tw_vector_broadcast(s->w + t);
    }
    TW_UNROLL
    for (int t = 0; t < turns - 1; t++) {
        take_turn(s, kind, (struct stream_turn){t, 0, t}, &place);
    }
    take_whole_turns(s, kind, &place);
}
