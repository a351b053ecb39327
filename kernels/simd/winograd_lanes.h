/* The two steps that kernels/conv and kernels/conv_pool share of Winograd F(2x2, 3x3): where its tiles have two rows, convolution,
 * relu and max-pool one after the other have the bits of the three in one. Included after the lanes of an ISA. */
#ifndef TOWER_KERNELS_SIMD_WINOGRAD_LANES_H
#define TOWER_KERNELS_SIMD_WINOGRAD_LANES_H

/* (d0 - d2, d1 + d2, d2 - d1, d1 - d3) */
static inline void winograd_input_step(struct tw_lanes d0, struct tw_lanes d1, struct tw_lanes d2,
                                       struct tw_lanes d3, struct tw_lanes out[4])
{
    out[0] = tw_lanes_sub(d0, d2);
    out[1] = tw_lanes_add(d1, d2);
    out[2] = tw_lanes_sub(d2, d1);
    out[3] = tw_lanes_sub(d1, d3);
}

/* (m0 + m1) + m2 and (m1 - m2) - m3 */
static inline void winograd_output_step(struct tw_lanes m0, struct tw_lanes m1, struct tw_lanes m2,
                                        struct tw_lanes m3, struct tw_lanes out[2])
{
    out[0] = tw_lanes_add(tw_lanes_add(m0, m1), m2);
    out[1] = tw_lanes_sub(tw_lanes_sub(m1, m2), m3);
}

#endif
