/*
 * Stands between a process and libc's file calls (LD_PRELOAD), for files whose path has EVERYSEC_FAULT_MARK in it. It counts the
 * calls, lets chosen ones fail, come up short, wait or kill the process, and can write all of them down.
 *
 * EVERYSEC_FAULT_CONTROL  a file that is mapped here and that the test reads and writes while the process lives: struct control.
 *                         control.ts is its other side.
 * EVERYSEC_FAULT_SYNCS    gets a line "<size> <path>" for each fdatasync that succeeded: what the file had before it.
 * EVERYSEC_TRACE          gets a record of each call when it has returned, in that order: trace.ts reads it.
 * EVERYSEC_TRACE_ACKS     writes to this path are records of the trace too, and never fail.
 *
 * A call that the library kills before is not in the trace; one that it kills after is, with what it did.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Numbers as in control.ts. */
enum kind { WRITE, FDATASYNC, FSYNC, DIRSYNC, OPEN, RENAME, TRUNCATE, UNLINK, LINK, MKDIR, CLOSE, READ, KINDS, ACK };
static const char *const kind_names[] = {"write", "fdatasync", "fsync",  "dirsync", "open",  "rename", "truncate",
                                         "unlink", "link",     "mkdir", "close",   "read", "",      "ack"};
enum action { PASS, FAIL, SHORT, TORN, KILL_BEFORE, KILL_AFTER, DELAY };
enum { SCRIPT_MAX = 60, RULES = 4, PATH_MAX_BYTES = 4096, PARTS_MAX = 1024 };

struct rule {
  atomic_int is_armed;
  /* Bit 1 << kind for each kind that counts. */
  atomic_int kinds;
  /* The first and the last matching call it acts on, from 1; last 0: from the first one on. */
  atomic_int first, last;
  atomic_int action;
  /* errno, bytes (-1: half of them) or milliseconds. */
  atomic_int argument;
  atomic_int matched, fired;
  /* Only calls whose path has this in it; empty: all. */
  char part[32];
};

struct operation {
  atomic_int calls, in_flight;
  /* Calls wait while this is set. */
  atomic_int is_held;
  atomic_int next;
  /* For the next calls, in order. Positive: errno. Negative: so many bytes are taken at most. 0: nothing happens. */
  atomic_int script[SCRIPT_MAX];
};

struct control {
  struct rule rules[RULES];
  struct operation operations[KINDS];
};

static struct control *control;
static const char *mark, *acks;
static int trace_fd = -1;
static pthread_mutex_t trace_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_long clock_of_calls;

/* One call of the process, from before() to after(). */
struct call {
  enum kind kind;
  int is_marked;
  enum action action;
  int argument;
  long begun;
  char path[PATH_MAX_BYTES];
};

__attribute__((constructor)) static void map_control(void) {
  const char *path = getenv("EVERYSEC_FAULT_CONTROL"), *trace = getenv("EVERYSEC_TRACE");
  acks = getenv("EVERYSEC_TRACE_ACKS");
  if (path == NULL || getenv("EVERYSEC_FAULT_MARK") == NULL) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map == MAP_FAILED) return;
  if (trace != NULL) trace_fd = open(trace, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  mark = getenv("EVERYSEC_FAULT_MARK");
  control = map;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void choose(struct call *call) {
  struct operation *operation = &control->operations[call->kind];
  atomic_fetch_add(&operation->calls, 1);
  atomic_fetch_add(&operation->in_flight, 1);
  int next = atomic_fetch_add(&operation->next, 1);
  int said = next < SCRIPT_MAX ? atomic_load(&operation->script[next]) : 0;
  if (said != 0) {
    call->action = said > 0 ? FAIL : SHORT;
    call->argument = said > 0 ? said : -said;
  }
  for (int i = 0; i < RULES; i++) {
    struct rule *rule = &control->rules[i];
    if (!atomic_load(&rule->is_armed) || !(atomic_load(&rule->kinds) & 1 << call->kind)) continue;
    if (strstr(call->path, rule->part) == NULL) continue;
    int n = atomic_fetch_add(&rule->matched, 1) + 1;
    int last = atomic_load(&rule->last);
    if (n < atomic_load(&rule->first) || (last != 0 && n > last) || call->action != PASS) continue;
    atomic_fetch_add(&rule->fired, 1);
    call->action = atomic_load(&rule->action);
    call->argument = atomic_load(&rule->argument);
  }
  while (atomic_load(&operation->is_held)) usleep(200);
}

/* Whether the call is to be made; otherwise errno is set. */
static int before(struct call *call) {
  if (!call->is_marked) return 1;
  if (call->kind != ACK) choose(call);
  if (call->action == KILL_BEFORE) die();
  if (call->action == DELAY) usleep(call->argument * 1000);
  call->begun = atomic_fetch_add(&clock_of_calls, 1);
  if (call->action != FAIL) return 1;
  errno = call->argument;
  return 0;
}

static void record(const struct call *call, long result, int error, int fd, long long offset, const char *other,
                   const struct iovec *parts, int count) {
  struct stat stat = {0};
  if (fd >= 0 && fstat(fd, &stat) != 0) return;
  char head[2 * PATH_MAX_BYTES + 200];
  struct iovec out[PARTS_MAX + 1];
  int used = 0;
  size_t rest = parts != NULL && result > 0 ? result : 0, bytes = rest;
  for (; used < count && used < PARTS_MAX && rest > 0; used++) {
    out[used + 1] = parts[used];
    if (out[used + 1].iov_len > rest) out[used + 1].iov_len = rest;
    rest -= out[used + 1].iov_len;
  }
  pthread_mutex_lock(&trace_lock);
  long ended = atomic_fetch_add(&clock_of_calls, 1);
  int length = snprintf(head, sizeof head, "%s\t%ld\t%ld\t%ld\t%d\t%llu\t%lld\t%zu\t%s\t%s\n", kind_names[call->kind],
                        call->begun, ended, result, error, (unsigned long long)stat.st_ino, offset, bytes, call->path, other);
  out[0] = (struct iovec){head, length};
  if (syscall(SYS_writev, trace_fd, out, used + 1) < length) abort();
  pthread_mutex_unlock(&trace_lock);
}

static long after(struct call *call, long result, int fd, long long offset, const char *other, const struct iovec *parts,
                  int count) {
  int error = errno;
  if (!call->is_marked) return result;
  if (trace_fd >= 0 && call->kind != READ && call->kind != CLOSE)
    record(call, result, result < 0 ? error : 0, fd, offset, other, parts, count);
  if (call->action == KILL_AFTER || call->action == TORN) die();
  if (call->kind != ACK) atomic_fetch_sub(&control->operations[call->kind].in_flight, 1);
  errno = error;
  return result;
}

static struct call call_of(enum kind kind) {
  return (struct call){.kind = kind, .action = PASS};
}

static struct call by_path(enum kind kind, const char *path) {
  struct call call = call_of(kind);
  if (control == NULL || path == NULL || strstr(path, mark) == NULL) return call;
  call.is_marked = 1;
  snprintf(call.path, sizeof call.path, "%s", path);
  return call;
}

static struct call by_fd(enum kind kind, int fd) {
  struct call call = call_of(kind);
  char link[64];
  if (control == NULL || fd == trace_fd) return call;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, call.path, sizeof call.path - 1);
  call.path[length < 0 ? 0 : length] = 0;
  if (acks != NULL && trace_fd >= 0 && kind == WRITE && strcmp(call.path, acks) == 0) call.kind = ACK;
  call.is_marked = call.kind == ACK || strstr(call.path, mark) != NULL;
  return call;
}

/* ------------------------------------------------------------------------------------------------ writing and reading */

static size_t sum(const struct iovec *parts, int count) {
  size_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  return total;
}

/* Every write ends here. offset -1: at the file's own position. */
static ssize_t write_parts(int fd, const struct iovec *parts, int count, off64_t offset) {
  struct call call = by_fd(WRITE, fd);
  if (!before(&call)) return after(&call, -1, fd, 0, "", NULL, 0);
  struct iovec cut[PARTS_MAX];
  if (call.action == SHORT || call.action == TORN) {
    size_t room = call.argument < 0 ? (sum(parts, count) + 1) / 2 : (size_t)call.argument;
    int used = 0;
    for (; used < count && used < PARTS_MAX && room > 0; used++) {
      cut[used] = parts[used];
      if (cut[used].iov_len > room) cut[used].iov_len = room;
      room -= cut[used].iov_len;
    }
    parts = cut;
    count = used;
  }
  ssize_t result = offset < 0 ? syscall(SYS_writev, fd, parts, count)
                              : syscall(SYS_pwritev, fd, parts, count, (unsigned long)offset, 0ul);
  if (!call.is_marked) return result;
  int error = errno;
  long long at = offset >= 0 ? offset : lseek64(fd, 0, SEEK_CUR) - (result > 0 ? result : 0);
  errno = error;
  return after(&call, result, fd, at, "", parts, count);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  struct iovec part = {(void *)bytes, count};
  return write_parts(fd, &part, 1, -1);
}

ssize_t writev(int fd, const struct iovec *parts, int count) { return write_parts(fd, parts, count, -1); }

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  struct iovec part = {(void *)bytes, count};
  return write_parts(fd, &part, 1, offset);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return pwrite64(fd, bytes, count, offset); }

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return write_parts(fd, parts, count, offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return write_parts(fd, parts, count, offset); }

static ssize_t end_read(struct call *call, ssize_t result, int fd) { return after(call, result, fd, 0, "", NULL, 0); }

ssize_t read(int fd, void *into, size_t count) {
  struct call call = by_fd(READ, fd);
  if (!before(&call)) return end_read(&call, -1, fd);
  return end_read(&call, syscall(SYS_read, fd, into, count), fd);
}

ssize_t pread64(int fd, void *into, size_t count, off64_t offset) {
  struct call call = by_fd(READ, fd);
  if (!before(&call)) return end_read(&call, -1, fd);
  return end_read(&call, syscall(SYS_pread64, fd, into, count, offset), fd);
}
ssize_t pread(int fd, void *into, size_t count, off_t offset) { return pread64(fd, into, count, offset); }

/* ------------------------------------------------------------------------------------------------------------ syncing */

static void note_sync(const char *path, long long size) {
  char line[PATH_MAX_BYTES + 32];
  const char *log = getenv("EVERYSEC_FAULT_SYNCS");
  int out = log == NULL ? -1 : open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (out < 0) return;
  int bytes = snprintf(line, sizeof line, "%lld %s\n", size, path);
  if (syscall(SYS_write, out, line, bytes) != bytes) abort();
  close(out);
}

int fdatasync(int fd) {
  struct call call = by_fd(FDATASYNC, fd);
  if (!before(&call)) return after(&call, -1, fd, 0, "", NULL, 0);
  struct stat was;
  int is_known = call.is_marked && fstat(fd, &was) == 0;
  int result = syscall(SYS_fdatasync, fd);
  if (result == 0 && is_known) note_sync(call.path, was.st_size);
  return after(&call, result, fd, 0, "", NULL, 0);
}

int fsync(int fd) {
  struct stat stat;
  struct call call = by_fd(control != NULL && fstat(fd, &stat) == 0 && S_ISDIR(stat.st_mode) ? DIRSYNC : FSYNC, fd);
  if (!before(&call)) return after(&call, -1, fd, 0, "", NULL, 0);
  return after(&call, syscall(SYS_fsync, fd), fd, 0, "", NULL, 0);
}

int ftruncate64(int fd, off64_t size) {
  struct call call = by_fd(TRUNCATE, fd);
  if (!before(&call)) return after(&call, -1, fd, size, "", NULL, 0);
  return after(&call, syscall(SYS_ftruncate, fd, size), fd, size, "", NULL, 0);
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* -------------------------------------------------------------------------------------------------- opening and closing */

/* In the trace the offset holds the flags, and `other` says whether the file was made. */
static int open_at(int directory, const char *path, int flags, mode_t mode) {
  struct call call = by_path(OPEN, path);
  if (!call.is_marked) return syscall(SYS_openat, directory, path, flags, mode);
  int is_new = syscall(SYS_faccessat, directory, path, F_OK) != 0;
  if (!before(&call)) return after(&call, -1, -1, flags, "", NULL, 0);
  int fd = syscall(SYS_openat, directory, path, flags, mode);
  return after(&call, fd, fd, flags, fd >= 0 && is_new ? "new" : "", NULL, 0);
}

#define MODE_OF(flags) \
  va_list list; \
  va_start(list, flags); \
  mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0; \
  va_end(list)

int open64(const char *path, int flags, ...) {
  MODE_OF(flags);
  return open_at(AT_FDCWD, path, flags, mode);
}
int open(const char *path, int flags, ...) {
  MODE_OF(flags);
  return open_at(AT_FDCWD, path, flags, mode);
}
int openat64(int directory, const char *path, int flags, ...) {
  MODE_OF(flags);
  return open_at(directory, path, flags, mode);
}
int openat(int directory, const char *path, int flags, ...) {
  MODE_OF(flags);
  return open_at(directory, path, flags, mode);
}

int close(int fd) {
  struct call call = by_fd(CLOSE, fd);
  /* The descriptor is gone whatever close(2) says. */
  int is_made = before(&call), error = errno;
  int result = syscall(SYS_close, fd);
  if (is_made) return after(&call, result, -1, 0, "", NULL, 0);
  errno = error;
  return after(&call, -1, -1, 0, "", NULL, 0);
}

/* ---------------------------------------------------------------------------------------------------------------- names */

static int named(enum kind kind, const char *path, const char *other, long number, long a, long b, long c, long d, long e) {
  struct call call = by_path(kind, other != NULL && control != NULL && strstr(path, mark) == NULL ? other : path);
  if (call.is_marked) snprintf(call.path, sizeof call.path, "%s", path);
  if (!before(&call)) return after(&call, -1, -1, 0, other == NULL ? "" : other, NULL, 0);
  return after(&call, syscall(number, a, b, c, d, e), -1, 0, other == NULL ? "" : other, NULL, 0);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
  return named(RENAME, old, new, SYS_renameat2, from, (long)old, to, (long)new, flags);
}
int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

int linkat(int from, const char *old, int to, const char *new, int flags) {
  return named(LINK, old, new, SYS_linkat, from, (long)old, to, (long)new, flags);
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int directory, const char *path, int flags) {
  return named(UNLINK, path, NULL, SYS_unlinkat, directory, (long)path, flags, 0, 0);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int mkdirat(int directory, const char *path, mode_t mode) {
  return named(MKDIR, path, NULL, SYS_mkdirat, directory, (long)path, mode, 0, 0);
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
