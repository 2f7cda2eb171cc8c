/* Preloaded into a process, lets its wall clock jump by CLOCK_JUMP seconds once it has run
   for CLOCK_AFTER of them. What has to go on evenly (CLOCK_MONOTONIC) does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int (*real_clock)(clockid_t, struct timespec *);
static time_t started;

static time_t jump(void) {
    struct timespec now;
    const char *by = getenv("CLOCK_JUMP"), *after = getenv("CLOCK_AFTER");
    real_clock(CLOCK_MONOTONIC, &now);
    if (!started) started = now.tv_sec;
    return by && after && now.tv_sec - started >= atol(after) ? atol(by) : 0;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    if (!real_clock) real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real_clock(id, now);
    if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += jump();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    int failed = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
