# BLAS for both floating types, with alpha = 1 and increments of 1.

from cython cimport floating
from scipy.linalg.cython_blas cimport dgemm, dgemv, dsyrk, sgemm, sgemv, ssyrk


cdef inline void gemm(
    char transa, char transb, int m, int n, int k, const floating *a, int lda,
    const floating *b, int ldb, floating beta, floating *c, int ldc,
) noexcept nogil:
    cdef floating alpha = 1
    if floating is float:
        sgemm(&transa, &transb, &m, &n, &k, &alpha, <float *> a, &lda, <float *> b, &ldb,
              &beta, c, &ldc)
    else:
        dgemm(&transa, &transb, &m, &n, &k, &alpha, <double *> a, &lda, <double *> b, &ldb,
              &beta, c, &ldc)


cdef inline void gemv(
    char trans, int m, int n, const floating *a, int lda, const floating *x,
    floating beta, floating *y,
) noexcept nogil:
    cdef floating alpha = 1
    cdef int one = 1
    if floating is float:
        sgemv(&trans, &m, &n, &alpha, <float *> a, &lda, <float *> x, &one, &beta, y, &one)
    else:
        dgemv(&trans, &m, &n, &alpha, <double *> a, &lda, <double *> x, &one, &beta, y, &one)


cdef inline void syrk(
    char trans, int n, int k, const floating *a, int lda, floating beta, floating *c,
) noexcept nogil:
    # The upper triangle of BLAS, which is column-major, is the lower one of a row-major array.
    cdef char uplo = b"U"
    cdef floating alpha = 1
    if floating is float:
        ssyrk(&uplo, &trans, &n, &k, &alpha, <float *> a, &lda, &beta, c, &n)
    else:
        dsyrk(&uplo, &trans, &n, &k, &alpha, <double *> a, &lda, &beta, c, &n)
