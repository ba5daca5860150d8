/* For sigset_t and pthread_sigmask where the compiler is asked for standard C alone. macOS declares
 * them anyway, and would hide more. */
#if !defined(_WIN32) && !defined(__APPLE__) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "thread_pool.h"

#if defined(_WIN32)

#include <process.h>
#include <windows.h>

typedef SRWLOCK Mutex;
typedef CONDITION_VARIABLE Condition;
#define MUTEX_INIT SRWLOCK_INIT
#define CONDITION_INIT CONDITION_VARIABLE_INIT
#define LOCK AcquireSRWLockExclusive
#define UNLOCK ReleaseSRWLockExclusive
#define WAIT(condition, mutex) SleepConditionVariableSRW(condition, mutex, INFINITE, 0)
#define WAKE WakeConditionVariable
#define WAKE_ALL WakeAllConditionVariable
#define THREAD_FUNCTION(name) static unsigned __stdcall name(void *unused)

#else

#include <pthread.h>
#include <signal.h>

typedef pthread_mutex_t Mutex;
typedef pthread_cond_t Condition;
#define MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#define CONDITION_INIT PTHREAD_COND_INITIALIZER
#define LOCK pthread_mutex_lock
#define UNLOCK pthread_mutex_unlock
#define WAIT pthread_cond_wait
#define WAKE pthread_cond_signal
#define WAKE_ALL pthread_cond_broadcast
#define THREAD_FUNCTION(name) static void *name(void *unused)

#endif

/* Of a thread of the pool. musl and macOS give less by default than BLAS may need. */
#define STACK_BYTES (4 << 20)

/* One call of pool_for_each. The mutex guards what changes. */
typedef struct Job {
    ItemFunction function;
    void *context;
    ptrdiff_t n_items, n_taken;
    int n_wanted; /* threads of the pool that may join */
    int n_joined;
    int n_working;
    struct Job *next;
} Job;

static Mutex mutex = MUTEX_INIT;
static Condition has_job = CONDITION_INIT, job_is_done = CONDITION_INIT;
static Job *first_job = NULL; /* those that more threads may join, the oldest first */
static int n_started = 0;
static void (*call_first)(void) = NULL;

/* Work on items until all are taken. The mutex is locked before and after. */
static void take_items(Job *job, int thread)
{
    while (job->n_taken < job->n_items) {
        ptrdiff_t item = job->n_taken++;
        UNLOCK(&mutex);
        job->function(job->context, item, thread);
        LOCK(&mutex);
    }
}

static void add_job(Job *job)
{
    Job **place = &first_job;
    while (*place != NULL)
        place = &(*place)->next;
    *place = job;
}

static void remove_job(Job *job)
{
    for (Job **place = &first_job; *place != NULL; place = &(*place)->next)
        if (*place == job) {
            *place = job->next;
            return;
        }
}

THREAD_FUNCTION(run_thread)
{
    (void)unused;
    LOCK(&mutex);
    for (;;) {
        while (first_job == NULL)
            WAIT(&has_job, &mutex);
        Job *job = first_job;
        int thread = ++job->n_joined;
        job->n_working++;
        if (thread == job->n_wanted)
            remove_job(job);
        if (call_first != NULL)
            call_first();
        take_items(job, thread);
        remove_job(job);
        if (--job->n_working == 0)
            WAKE_ALL(&job_is_done);
    }
    return 0;
}

#if defined(_WIN32)

int pool_watch_forks(void)
{
    return 0;
}

static int start_thread(void)
{
    uintptr_t handle = _beginthreadex(NULL, STACK_BYTES, run_thread, NULL, 0, NULL);
    if (handle == 0)
        return -1;
    CloseHandle((HANDLE)handle);
    return 0;
}

#else

/* A forked child has none of the threads, and another thread may have locked the mutex. */
static void forget_threads(void)
{
    mutex = (Mutex)MUTEX_INIT;
    has_job = job_is_done = (Condition)CONDITION_INIT;
    first_job = NULL;
    n_started = 0;
}

int pool_watch_forks(void)
{
    return pthread_atfork(NULL, NULL, forget_threads);
}

static int start_thread(void)
{
    /* Signals are for the threads of Python: they interrupt its system calls. A fault goes to the
     * thread that caused it: blocked there, it would end the process without a report. */
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t blocked, previous;
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return -1;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &previous);
    int error = pthread_create(&thread, &attributes, run_thread, NULL);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&attributes);
    return error == 0 ? 0 : -1;
}

#endif

void pool_for_each(ptrdiff_t n_items, int n_threads, ItemFunction function, void *context)
{
    if (n_threads > n_items)
        n_threads = (int)n_items;
    if (n_threads <= 1) {
        for (ptrdiff_t item = 0; item < n_items; item++)
            function(context, item, 0);
        return;
    }
    Job job = {function, context, n_items, 0, n_threads - 1, 0, 0, NULL};
    LOCK(&mutex);
    /* Where a thread cannot be started, there are fewer. */
    while (n_started < job.n_wanted && start_thread() == 0)
        n_started++;
    add_job(&job);
    for (int i = 0; i < job.n_wanted; i++)
        WAKE(&has_job);
    take_items(&job, 0);
    remove_job(&job);
    while (job.n_working > 0)
        WAIT(&job_is_done, &mutex);
    UNLOCK(&mutex);
}

void pool_call_first(void (*function)(void))
{
    LOCK(&mutex);
    call_first = function;
    UNLOCK(&mutex);
}
