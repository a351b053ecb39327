/* Pixels of 8 bits normalised, sixteen at a time, as tw_f32_normalize_u8 promises (elementwise.h); included after a lanes
 * header. */
#ifndef TOWER_KERNELS_SIMD_NORMALIZE_LANES_H
#define TOWER_KERNELS_SIMD_NORMALIZE_LANES_H

/* The division by 255 as a product: 1/255 in two parts gives every one of the 256 quotients as rounded once. */
static inline struct tw_lanes tw_lanes_normalize(struct tw_lanes bytes, struct tw_lanes mean,
                                                 struct tw_lanes standard_deviation)
{
    const struct tw_lanes high = tw_lanes_set(0x1.010102p-8f), low = tw_lanes_set(-0x1.fdfdfep-33f);
    const struct tw_lanes unit = tw_lanes_fma(bytes, high, tw_lanes_mul(bytes, low));

    return tw_lanes_div(tw_lanes_sub(unit, mean), standard_deviation);
}

#endif
