cdef class CholeskyFactor:
    cdef double[:, ::1] factor
    # Of the diagonal; -1 where that is not positive.
    cdef double[::1] root
    cdef bint is_finite
    cdef double damping
    cdef readonly bint is_damped
    cdef readonly double smallest_pivot

    cdef void _solve_in_place(self, double[:, ::1] x) noexcept
