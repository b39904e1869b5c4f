/*
 * Interposes write, writev and fdatasync for files whose path has EVERYSEC_FAULT_MARK in it. What they do stands in a file
 * that is mapped here and written by the test (preloaded-faults.ts): one record of 64 ints for each kind of operation. The
 * other way, EVERYSEC_FAULT_SYNCS gets a line "<size> <path>" for each fdatasync that succeeded: what the file had before it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SCRIPT_MAX = 60 };

struct operation {
  atomic_int calls;
  atomic_int in_flight;
  /* Calls wait while this is set. */
  atomic_int is_held;
  atomic_int next;
  /* Positive: errno. Negative: so many bytes are taken at most. 0: nothing happens. */
  atomic_int script[SCRIPT_MAX];
};

static struct operation *operations;
static const char *mark;

__attribute__((constructor)) static void map_control(void) {
  const char *path = getenv("EVERYSEC_FAULT_CONTROL");
  mark = getenv("EVERYSEC_FAULT_MARK");
  if (path == NULL || mark == NULL) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *map = mmap(NULL, 2 * sizeof(struct operation), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) operations = map;
}

static struct operation *find(int fd, int kind) {
  char link[64], path[4096];
  if (operations == NULL) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return NULL;
  path[length] = 0;
  return strstr(path, mark) == NULL ? NULL : &operations[kind];
}

static int begin(struct operation *op) {
  if (op == NULL) return 0;
  atomic_fetch_add(&op->calls, 1);
  atomic_fetch_add(&op->in_flight, 1);
  int i = atomic_fetch_add(&op->next, 1);
  int action = i < SCRIPT_MAX ? atomic_load(&op->script[i]) : 0;
  while (atomic_load(&op->is_held)) usleep(200);
  return action;
}

static ssize_t end(struct operation *op, ssize_t result, int error) {
  if (op != NULL) atomic_fetch_sub(&op->in_flight, 1);
  errno = error;
  return result;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  static ssize_t (*real)(int, const void *, size_t);
  if (real == NULL) real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  struct operation *op = find(fd, 0);
  int action = begin(op);
  if (action > 0) return end(op, -1, action);
  if (action < 0 && (size_t)-action < count) count = -action;
  ssize_t result = real(fd, bytes, count);
  return end(op, result, errno);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  static ssize_t (*real)(int, const struct iovec *, int);
  if (real == NULL) real = (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
  struct operation *op = find(fd, 0);
  int action = begin(op);
  if (action > 0) return end(op, -1, action);
  if (action == 0) {
    ssize_t result = real(fd, parts, count);
    return end(op, result, errno);
  }
  size_t room = -action;
  struct iovec cut[1024];
  int used = 0;
  for (; used < count && used < 1024 && room > 0; used++) {
    cut[used] = parts[used];
    if (cut[used].iov_len > room) cut[used].iov_len = room;
    room -= cut[used].iov_len;
  }
  ssize_t result = real(fd, cut, used);
  return end(op, result, errno);
}

static void note_sync(int fd, long long size) {
  char link[64], path[4096], line[4200];
  const char *log = getenv("EVERYSEC_FAULT_SYNCS");
  int out = log == NULL ? -1 : open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (out < 0) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length >= 0) {
    path[length] = 0;
    int bytes = snprintf(line, sizeof line, "%lld %s\n", size, path);
    if (write(out, line, bytes) != bytes) abort();
  }
  close(out);
}

int fdatasync(int fd) {
  static int (*real)(int);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  struct operation *op = find(fd, 1);
  if (op == NULL) return real(fd);
  int action = begin(op);
  if (action > 0) return end(op, -1, action);
  struct stat before;
  int is_known = fstat(fd, &before) == 0;
  int result = real(fd);
  int error = errno;
  if (result == 0 && is_known) note_sync(fd, before.st_size);
  return end(op, result, error);
}
