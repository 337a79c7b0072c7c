/* Faults on demand, for a process that is started with this library in LD_PRELOAD.
 *
 * Every system call that changes what is on disk below one of the watched folders is an operation. Operations are
 * counted from 1; at the Nth one of these happens, as `fault_arm` was told:
 *
 *   KILL_BEFORE   the process is killed instead of it
 *   KILL_AFTER    the process is killed when it is done
 *   TEAR          a write is done by half, then the process is killed; other operations as KILL_BEFORE
 *   FAIL_ONCE     it fails with an error number
 *   FAIL_ON       it and all later ones fail
 *   CUT_POWER     the file system is shut down without a flush, then the process is killed
 *
 * Only operations whose letter is in `letters` fail or are counted; the letters are those of `enum`-like constants
 * below. `fault_record` writes every operation that succeeded, with its data, to a file outside the watched folders.
 *
 * Real work is done by raw system calls, so nothing here calls itself. One lock keeps the order of the record the order
 * of the disk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define OP_CREATE 'c'   /* a file that was not there is opened */
#define OP_EMPTY 'z'    /* a file that was there is opened, and emptied by that */
#define OP_WRITE 'w'
#define OP_RESIZE 't'
#define OP_SYNC 's'
#define OP_RENAME 'r'
#define OP_UNLINK 'u'
#define OP_RMDIR 'd'
#define OP_MKDIR 'm'
#define OP_LINK 'l'
#define OP_MODE 'p'
#define OP_NOTE 'n'     /* no operation: what the program said at this point */

enum fault { NONE, KILL_BEFORE, KILL_AFTER, TEAR, FAIL_ONCE, FAIL_ON, CUT_POWER };
enum verdict { GO, FAIL, HALF };

#define FOLDERS_MAX 4
#define PATH_ROOM (PATH_MAX + 64)
#define GOING_DOWN 0x8004587dUL /* EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN */
#define NO_LOG_FLUSH 2

static struct {
    char folder[FOLDERS_MAX][PATH_MAX];
    size_t length[FOLDERS_MAX];
    int folders;
    int watching;
    enum fault fault;
    long at;
    int error;
    char letters[32];
    long count;
    int fired;
    int record;
} state = {.record = -1};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* ---- what a test calls ------------------------------------------------------------------------------------------ */

void fault_watch(const char *folder) {
    if (!*folder) {
        state.folders = 0;
        return;
    }
    if (state.folders == FOLDERS_MAX) abort();
    snprintf(state.folder[state.folders], PATH_MAX, "%s", folder);
    state.length[state.folders] = strlen(folder);
    state.folders++;
}

/* Begin to count from 1. A fault of NONE only counts; `letters` of "" means every operation. */
void fault_arm(int fault, long at, int error, const char *letters) {
    state.fault = (enum fault)fault;
    state.at = at;
    state.error = error;
    snprintf(state.letters, sizeof state.letters, "%s", letters);
    state.count = 0;
    state.fired = 0;
    state.watching = 1;
}

void fault_disarm(void) { state.watching = 0; }

long fault_count(void) { return state.count; }

int fault_fired(void) { return state.fired; }

/* Record to a new file; "" ends it. */
int fault_record(const char *path) {
    if (state.record >= 0) syscall(SYS_close, state.record);
    state.record = -1;
    if (*path) state.record = (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_EXCL | O_WRONLY | O_APPEND, 0600);
    return *path ? state.record >= 0 : 1;
}

/* ---- the record --------------------------------------------------------------------------------------------------*/

struct __attribute__((packed)) head {
    char op;
    uint32_t first, second; /* bytes of the two paths */
    int64_t offset;
    uint64_t size; /* bytes of data */
};

static void record(char op, const char *first, const char *second, int64_t offset, const void *data, size_t size) {
    if (state.record < 0) return;
    struct head head = {op, (uint32_t)strlen(first), (uint32_t)strlen(second), offset, size};
    struct iovec parts[] = {
        {&head, sizeof head}, {(void *)first, head.first}, {(void *)second, head.second}, {(void *)data, size}};
    size_t whole = sizeof head + head.first + head.second + size;
    if (syscall(SYS_writev, state.record, parts, 4) != (long)whole) abort();
}

void fault_note(const char *text) {
    pthread_mutex_lock(&turn);
    record(OP_NOTE, text, "", 0, "", 0);
    pthread_mutex_unlock(&turn);
}

/* ---- the gate every operation passes ----------------------------------------------------------------------------- */

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

static void cut_power(void) {
    uint32_t how = NO_LOG_FLUSH;
    int disk = (int)syscall(SYS_openat, AT_FDCWD, state.folder[0], O_RDONLY);
    if (disk < 0 || syscall(SYS_ioctl, disk, GOING_DOWN, &how)) abort();
    die();
}

static int counts(char op) { return !state.letters[0] || strchr(state.letters, op); }

static enum verdict enter(char op) {
    if (!counts(op)) return GO;
    long here = ++state.count;
    if (state.fault == FAIL_ON ? here < state.at : here != state.at) return GO;
    state.fired = state.fault != NONE;
    switch (state.fault) {
    case KILL_BEFORE: die(); break;
    case CUT_POWER: cut_power(); break;
    case TEAR:
        if (op == OP_WRITE) return HALF;
        die();
        break;
    case FAIL_ONCE:
    case FAIL_ON: errno = state.error; return FAIL;
    default: break;
    }
    return GO;
}

static void leave(char op) {
    if (state.fault == KILL_AFTER && counts(op) && state.count == state.at) die();
}

static int watched(const char *path) {
    for (int i = 0; i < state.folders; i++) {
        size_t n = state.length[i];
        if (!strncmp(path, state.folder[i], n) && (path[n] == '/' || !path[n] || path[n] == ' ')) return 1;
    }
    return 0;
}

static int file_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int before = errno;
    ssize_t n = readlink(link, path, PATH_MAX);
    errno = before;
    if (n <= 0) return 0;
    path[n] = 0;
    return watched(path);
}

static int named(int folder, const char *name, char *path) {
    if (name[0] == '/') {
        snprintf(path, PATH_ROOM, "%s", name);
        return watched(path);
    }
    char base[PATH_MAX + 1], link[64];
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    int before = errno;
    ssize_t n = readlink(link, base, PATH_MAX);
    errno = before;
    if (n <= 0) return 0;
    base[n] = 0;
    snprintf(path, PATH_ROOM, "%s/%s", base, name);
    return watched(path);
}

static int is_there(int folder, const char *name) {
    struct stat found;
    int before = errno;
    int there = !syscall(SYS_newfstatat, folder, name, &found, AT_SYMLINK_NOFOLLOW);
    errno = before;
    return there;
}

/* One operation: the gate, the call, and its record; `call` must give -1 when it fails. */
#define OPERATION(op, call, first, second, offset)                          \
    do {                                                                    \
        long result = -1;                                                   \
        pthread_mutex_lock(&turn);                                          \
        if (enter(op) != FAIL) {                                            \
            result = (call);                                                \
            if (result >= 0) record(op, first, second, offset, "", 0);      \
            leave(op);                                                      \
        }                                                                   \
        pthread_mutex_unlock(&turn);                                        \
        return (int)result;                                                 \
    } while (0)

/* ---- writes ------------------------------------------------------------------------------------------------------ */

#define AT_POSITION (-1)

static ssize_t plain_write(int fd, const void *data, size_t size, int64_t offset) {
    return offset == AT_POSITION ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, offset);
}

/* Where a write at the file's own position will land. */
static int64_t landing(int fd) {
    int flags = (int)syscall(SYS_fcntl, fd, F_GETFL);
    struct stat found;
    if (flags & O_APPEND) return syscall(SYS_fstat, fd, &found) ? 0 : found.st_size;
    return syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

static ssize_t watched_write(int fd, const void *data, size_t size, int64_t offset) {
    char path[PATH_ROOM];
    if (!state.watching || !file_of(fd, path)) return plain_write(fd, data, size, offset);
    pthread_mutex_lock(&turn);
    ssize_t result = -1;
    enum verdict verdict = enter(OP_WRITE);
    if (verdict == HALF) {
        plain_write(fd, data, size / 2, offset);
        die();
    }
    if (verdict == GO) {
        int64_t at = offset == AT_POSITION ? landing(fd) : offset;
        result = plain_write(fd, data, size, offset);
        if (result > 0) record(OP_WRITE, path, "", at, data, (size_t)result);
        leave(OP_WRITE);
    }
    pthread_mutex_unlock(&turn);
    return result;
}

/* Many buffers are put together first: they are one operation, and can be torn anywhere. */
static ssize_t watched_gather(int fd, const struct iovec *parts, int n, int64_t offset) {
    size_t size = 0, filled = 0;
    for (int i = 0; i < n; i++) size += parts[i].iov_len;
    char *whole = malloc(size ? size : 1);
    if (!whole) {
        errno = ENOMEM;
        return -1;
    }
    for (int i = 0; i < n; i++) {
        memcpy(whole + filled, parts[i].iov_base, parts[i].iov_len);
        filled += parts[i].iov_len;
    }
    ssize_t result = watched_write(fd, whole, size, offset);
    int error = errno;
    free(whole);
    errno = error;
    return result;
}

ssize_t write(int fd, const void *data, size_t size) { return watched_write(fd, data, size, AT_POSITION); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return watched_write(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return watched_write(fd, data, size, at); }

ssize_t writev(int fd, const struct iovec *parts, int n) {
    char path[PATH_ROOM];
    if (!state.watching || !file_of(fd, path)) return syscall(SYS_writev, fd, parts, n);
    return watched_gather(fd, parts, n, AT_POSITION);
}

ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t at) {
    char path[PATH_ROOM];
    if (!state.watching || !file_of(fd, path)) return syscall(SYS_pwritev, fd, parts, n, (long)at, 0L);
    return watched_gather(fd, parts, n, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int n, off64_t at) { return pwritev(fd, parts, n, at); }

ssize_t pwritev2(int fd, const struct iovec *parts, int n, off_t at, int flags) {
    char path[PATH_ROOM];
    if (!state.watching || !file_of(fd, path)) return syscall(SYS_pwritev2, fd, parts, n, (long)at, 0L, flags);
    return at == -1 ? watched_gather(fd, parts, n, AT_POSITION) : watched_gather(fd, parts, n, at);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int n, off64_t at, int flags) {
    return pwritev2(fd, parts, n, at, flags);
}

/* The kernel's copies are done as writes of what was read: they are counted, torn and recorded like those. */
static ssize_t watched_copy(int out, off64_t *out_at, int in, off64_t *in_at, size_t size) {
    char buffer[1 << 16];
    size_t most = size < sizeof buffer ? size : sizeof buffer;
    ssize_t got = in_at ? syscall(SYS_pread64, in, buffer, most, *in_at) : syscall(SYS_read, in, buffer, most);
    if (got <= 0) return got;
    ssize_t put = watched_write(out, buffer, (size_t)got, out_at ? *out_at : AT_POSITION);
    if (put > 0 && in_at) *in_at += put;
    if (put > 0 && out_at) *out_at += put;
    return put;
}

ssize_t sendfile(int out, int in, off_t *at, size_t size) {
    char path[PATH_ROOM];
    if (!state.watching || !file_of(out, path)) return syscall(SYS_sendfile, out, in, at, size);
    return watched_copy(out, NULL, in, at, size);
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t size) { return sendfile(out, in, at, size); }

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags) {
    char path[PATH_ROOM];
    if (!state.watching || !file_of(out, path))
        return syscall(SYS_copy_file_range, in, in_at, out, out_at, size, flags);
    return watched_copy(out, out_at, in, in_at, size);
}

/* ---- sizes, modes, syncs ----------------------------------------------------------------------------------------- */

int ftruncate(int fd, off_t size) {
    char path[PATH_ROOM];
    if (!state.watching || !file_of(fd, path)) return (int)syscall(SYS_ftruncate, fd, size);
    OPERATION(OP_RESIZE, syscall(SYS_ftruncate, fd, size), path, "", size);
}

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int truncate(const char *name, off_t size) {
    char path[PATH_ROOM];
    if (!state.watching || !named(AT_FDCWD, name, path)) return (int)syscall(SYS_truncate, name, size);
    OPERATION(OP_RESIZE, syscall(SYS_truncate, name, size), path, "", size);
}

int truncate64(const char *name, off64_t size) { return truncate(name, size); }

int posix_fallocate(int fd, off_t offset, off_t size) {
    char path[PATH_ROOM];
    if (state.watching && file_of(fd, path)) return EOPNOTSUPP; /* nothing here needs it; its callers go without */
    return syscall(SYS_fallocate, fd, 0, offset, size) ? errno : 0;
}

int posix_fallocate64(int fd, off64_t offset, off64_t size) { return posix_fallocate(fd, offset, size); }

int fsync(int fd) {
    char path[PATH_ROOM];
    if (!state.watching || !file_of(fd, path)) return (int)syscall(SYS_fsync, fd);
    OPERATION(OP_SYNC, syscall(SYS_fsync, fd), path, "", 0);
}

int fdatasync(int fd) {
    char path[PATH_ROOM];
    if (!state.watching || !file_of(fd, path)) return (int)syscall(SYS_fdatasync, fd);
    OPERATION(OP_SYNC, syscall(SYS_fdatasync, fd), path, "", 0);
}

int fchmod(int fd, mode_t mode) {
    char path[PATH_ROOM];
    if (!state.watching || !file_of(fd, path)) return (int)syscall(SYS_fchmod, fd, mode);
    OPERATION(OP_MODE, syscall(SYS_fchmod, fd, mode), path, "", mode);
}

int fchmodat(int folder, const char *name, mode_t mode, int flags) {
    char path[PATH_ROOM];
    if (flags || !state.watching || !named(folder, name, path))
        return (int)syscall(SYS_fchmodat, folder, name, mode, flags);
    OPERATION(OP_MODE, syscall(SYS_fchmodat, folder, name, mode), path, "", mode);
}

int chmod(const char *name, mode_t mode) { return fchmodat(AT_FDCWD, name, mode, 0); }

/* ---- names ------------------------------------------------------------------------------------------------------- */

static int watched_open(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_ROOM];
    int makes = flags & (O_CREAT | O_TRUNC) && (flags & O_TMPFILE) != O_TMPFILE;
    if (!state.watching || !makes || !named(folder, name, path))
        return (int)syscall(SYS_openat, folder, name, flags, mode);
    int there = is_there(folder, name);
    /* Opening what is there changes nothing, unless it empties it; what must be new and is not, is refused. */
    if (there ? !(flags & O_TRUNC) || flags & O_EXCL : !(flags & O_CREAT))
        return (int)syscall(SYS_openat, folder, name, flags, mode);
    OPERATION(there ? OP_EMPTY : OP_CREATE, syscall(SYS_openat, folder, name, flags, mode), path, "", mode);
}

#define MODE_OF(flags)                            \
    mode_t mode = 0;                              \
    if ((flags) & (O_CREAT | O_TMPFILE)) {        \
        va_list more;                             \
        va_start(more, flags);                    \
        mode = va_arg(more, mode_t);              \
        va_end(more);                             \
    }

int open(const char *name, int flags, ...) {
    MODE_OF(flags)
    return watched_open(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...) {
    MODE_OF(flags)
    return watched_open(AT_FDCWD, name, flags | O_LARGEFILE, mode);
}

int openat(int folder, const char *name, int flags, ...) {
    MODE_OF(flags)
    return watched_open(folder, name, flags, mode);
}

int openat64(int folder, const char *name, int flags, ...) {
    MODE_OF(flags)
    return watched_open(folder, name, flags | O_LARGEFILE, mode);
}

int creat(const char *name, mode_t mode) {
    return watched_open(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *name, mode_t mode) {
    return watched_open(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC | O_LARGEFILE, mode);
}

/* What the checked builds of other libraries call instead; it has no mode, so it makes nothing. */
int __open_2(const char *name, int flags) { return watched_open(AT_FDCWD, name, flags, 0); }
int __open64_2(const char *name, int flags) { return watched_open(AT_FDCWD, name, flags | O_LARGEFILE, 0); }
int __openat_2(int folder, const char *name, int flags) { return watched_open(folder, name, flags, 0); }
int __openat64_2(int folder, const char *name, int flags) {
    return watched_open(folder, name, flags | O_LARGEFILE, 0);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    char before[PATH_ROOM], after[PATH_ROOM];
    if (!state.watching) return (int)syscall(SYS_renameat2, from, old, to, new, flags);
    int concerned = named(from, old, before);
    concerned |= named(to, new, after);
    if (!concerned || !is_there(from, old)) return (int)syscall(SYS_renameat2, from, old, to, new, flags);
    OPERATION(OP_RENAME, syscall(SYS_renameat2, from, old, to, new, flags), before, after, 0);
}

int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }

int unlinkat(int folder, const char *name, int flags) {
    char path[PATH_ROOM];
    if (!state.watching || !named(folder, name, path) || !is_there(folder, name))
        return (int)syscall(SYS_unlinkat, folder, name, flags);
    OPERATION(flags & AT_REMOVEDIR ? OP_RMDIR : OP_UNLINK, syscall(SYS_unlinkat, folder, name, flags), path, "", 0);
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int remove(const char *name) {
    int result = unlinkat(AT_FDCWD, name, 0);
    return result && (errno == EISDIR || errno == EPERM) ? rmdir(name) : result;
}

int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_ROOM];
    if (!state.watching || !named(folder, name, path) || is_there(folder, name))
        return (int)syscall(SYS_mkdirat, folder, name, mode);
    OPERATION(OP_MKDIR, syscall(SYS_mkdirat, folder, name, mode), path, "", mode);
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int linkat(int from, const char *old, int to, const char *new, int flags) {
    char before[PATH_ROOM], after[PATH_ROOM];
    if (!state.watching || !named(to, new, after) || !named(from, old, before))
        return (int)syscall(SYS_linkat, from, old, to, new, flags);
    OPERATION(OP_LINK, syscall(SYS_linkat, from, old, to, new, flags), before, after, 0);
}

int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }
