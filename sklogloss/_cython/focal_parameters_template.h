/* Focal loss, and what its kernels compute from the parameters. Included by focal_loss.c once for
 * each floating type, before the templates of the kernels.
 *
 * For the class t that happened, p its probability, q = 1 - p, l = -ln p, s = -ln q, g = gamma:
 *
 *     Q = q^g = exp(-g s)
 *     value = Q l
 *     G = Q (q + g p l)
 *     H = Q (p q + g p^2 l) + max(smallest, g Q (2 p q + (g p - 1) p l))
 *
 * smallest is minus infinity, or 0 for the convex kernel, which leaves out what may be negative.
 * For two classes -G and H are the derivatives in the margin.
 */
#include "simd_math.h"
#include "softmax_chunk.h"

typedef struct {
    real gamma, high, low; /* gamma = high + low */
    real smallest;         /* of the second part of H */
    real exp_smallest;     /* EXP_SMALLEST, which the compiler may not know */
    real largest_margin;   /* exp(-largest_margin) is a normal number */
    real one_more, one_more_high, one_more_low; /* gamma + 1 = high + low */
    real one_more_in_powers;                    /* -(gamma + 1) / ln 2 */
    real largest_surprise; /* (gamma + 1) times it is -EXP_SMALLEST */
    real largest_soft_surprise; /* (gamma + 1) times it is largest_margin */
    real one_less;         /* gamma - 1 */
    int is_short;          /* gamma is 0, 1 or 2: q^gamma = constant + q (linear + q square) */
    real constant, linear, square;
    real root_high, root_low, radius, at_root, coefficient[10]; /* see focal_root.py */
    real no_surprise;      /* 1 + 2 gamma */
    real square_gamma;
} NAME(focal);

SKL_INLINE NAME(focal) NAME(make_focal)(const void *parameters)
{
    const skl_focal_parameters *given = parameters;
    /* A gamma so large leaves a loss only where q is about 1, and its square does not overflow. */
    const double limit = SKL_FLOAT32 ? 1e7 : 1e15;
    const double gamma = given->gamma < limit ? given->gamma : limit;
    NAME(focal) focal;
    focal.gamma = (real)gamma;
    focal.high = NAME(high_half)(focal.gamma);
    focal.low = (real)(gamma - (double)focal.high);
    focal.smallest = given->convex ? 0 : -(real)LARGEST;
    focal.exp_smallest = NAME(opaque)((real)EXP_SMALLEST);
    const double largest = SKL_FLOAT32 ? 87 : 708;
    focal.largest_margin = NAME(opaque)((real)largest);
    focal.one_more = (real)(gamma + 1);
    focal.one_more_high = NAME(from_bits)(
        NAME(to_bits)(focal.one_more) & ~(bits)(SKL_FLOAT32 ? 0x3fff : 0xffffffff));
    focal.one_more_low = (real)(gamma - ((double)focal.one_more_high - 1));
    focal.one_more_in_powers = (real)(-(gamma + 1) * LOG2_E);
    focal.largest_surprise = (real)(-EXP_SMALLEST / (gamma + 1));
    focal.largest_soft_surprise = (real)(largest / (gamma + 1));
    focal.one_less = (real)(gamma - 1);
    focal.constant = gamma == 0;
    focal.linear = gamma == 1;
    focal.square = gamma == 2;
    focal.is_short = gamma == 0 || gamma == 1 || gamma == 2;
    focal.root_high = (real)given->root;
    focal.root_low = (real)(given->root - (double)focal.root_high + given->root_low);
    focal.radius = (real)given->radius;
    focal.no_surprise = (real)(1 + 2 * gamma);
    focal.at_root = focal.radius > 0 ? (real)given->at_root : focal.no_surprise;
    for (int i = 0; i < 10; i++) {
        focal.coefficient[i] = (real)given->coefficient[i];
    }
    focal.square_gamma = (real)(gamma * gamma);
    return focal;
}
