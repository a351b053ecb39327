/* GEMM by other libraries, as entrants: c = a b for a tw_gemm_shape without `accumulate` whose columns of A, and
 * of B, or whose rows lie one element apart. An entrant whose library is not on this machine, or cannot take
 * the shape, has no context.
 */
#ifndef TOWER_BENCHMARKS_PEERS_GEMM_H
#define TOWER_BENCHMARKS_PEERS_GEMM_H

#include "benchmarks/contest.h"

struct tw_peer_gemm {
    struct tw_gemm_shape shape;
    const float *a, *b;
    float *c;
};

struct tw_entrant tw_openblas_gemm(struct tw_contest *contest, const struct tw_peer_gemm *gemm);
struct tw_entrant tw_blis_gemm(struct tw_contest *contest, const struct tw_peer_gemm *gemm);
struct tw_entrant tw_libxsmm_gemm(struct tw_contest *contest, const struct tw_peer_gemm *gemm);
struct tw_entrant tw_onednn_gemm(struct tw_contest *contest, const struct tw_peer_gemm *gemm);

/* What the libraries call themselves, into `text`; "" if not there. */
#define TW_PEER_VERSION 96
void tw_openblas_version(char text[TW_PEER_VERSION]);
void tw_blis_version(char text[TW_PEER_VERSION]);
void tw_libxsmm_version(char text[TW_PEER_VERSION]);
void tw_onednn_version(char text[TW_PEER_VERSION]);

#endif
