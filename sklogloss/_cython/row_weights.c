#include "row_weights.h"

#include "target_clones.h"

#define REAL double
#define NAME(name) name##_f64
#include "row_weights_template.h"
#undef REAL
#undef NAME

#define REAL float
#define NAME(name) name##_f32
#include "row_weights_template.h"
