/* SPDX-License-Identifier: MIT */
/* The guest's files: private, synced in the right order, and told as kept only when they are. The disk's
 * calls are stood in for here. */
#include "../../src/guest/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest_check.h"

static char dir[240], calls[64];
static struct store store;
static int sync_fails; /* which fsync from now fails: 1 the next, 0 none */
static bool lies;      /* a rename that says it was done */

static void call(char c) {
    size_t n = strlen(calls);
    if (n + 1 < sizeof calls)
        calls[n] = c, calls[n + 1] = '\0';
}

int fsync(int fd) {
    struct stat st;
    call(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? 'd' : 'f');
    if (sync_fails && --sync_fails == 0) {
        errno = EIO;
        return -1;
    }
    return 0;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    char one[300], two[300];
    (void)from_dir, (void)to_dir;
    call('r');
    snprintf(one, sizeof one, "%s/a/b/%s", dir, from);
    snprintf(two, sizeof two, "%s/a/b/%s", dir, to);
    return lies ? 0 : rename(one, two);
}

static bool holds(const char *name, const char *wanted) {
    char text[64];
    long n = store_read(&store, name, text, sizeof text);
    return n == (long)strlen(wanted) && memcmp(text, wanted, (size_t)n) == 0;
}

static void order(void) {
    calls[0] = '\0';
    expect(store_write(&store, "x", "one", 3), "not written");
    expect(strcmp(calls, "frd") == 0, "the file is synced, put in place, and its directory synced, not %s",
           calls);
    expect(holds("x", "one"), "not what was written");
    expect(store_write(&store, "x", "", 0) && holds("x", ""), "an empty file");
}

static void refusing(void) {
    expect(store_keep(&store, "x", "old", 3), "a good disk");
    sync_fails = 1;
    expect(!store_keep(&store, "x", "new", 3) && errno == EIO, "a file that was not synced is kept");
    expect(holds("x", "old"), "what could not be synced took the old one's place");
    sync_fails = 2;
    expect(!store_keep(&store, "x", "new", 3), "a directory that was not synced");
    sync_fails = 0;
    expect(store_keep(&store, "x", "old", 3), "a good disk");
    lies = true;
    expect(!store_keep(&store, "x", "new", 3) && errno == EIO,
           "what is not there when it is read back is kept");
    expect(!store_keep(&store, "x", "older", 5), "a shorter one is there");
    lies = false;
    expect(store_keep(&store, "x", "new", 3) && holds("x", "new"), "a good disk again");
    struct store none = {.dir = -1};
    expect(!store_keep(&none, "x", "new", 3) && errno == EBADF, "no directory");
}

static void private(void) {
    char path[300];
    struct stat st;
    umask(0);
    expect(store_write(&store, "key", "secret", 6), "not written");
    snprintf(path, sizeof path, "%s/a/b", dir);
    expect(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700, "the directory is open to others");
    snprintf(path, sizeof path, "%s/a/b/key", dir);
    expect(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "a file is open to others");
    snprintf(path, sizeof path, "%s/a/b/log", dir);
    int fd = store_append(&store, "log");
    expect(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600, "a log is open to others");
    expect(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(store.dir, F_GETFD) == FD_CLOEXEC,
           "children get the files");
    close(fd);
    expect(symlinkat("/etc/passwd", store.dir, "link") == 0 && store_append(&store, "link") < 0,
           "a link is followed");
    char text[8];
    expect(store_read(&store, "link", text, sizeof text) < 0, "a link is read");
    expect(store_read(&store, "nothing", text, sizeof text) < 0 && errno == ENOENT, "there is none");
    expect(store_read(&store, "key", text, 5) < 0 && errno == EFBIG, "it is longer");
}

/* Each directory that is made is synced in its parent, so that the record is not lost with it. */
static void born_synced(void) {
    char path[300];
    struct store made;
    calls[0] = '\0';
    snprintf(path, sizeof path, "%s/c/d/e", dir);
    expect(store_open(&made, path) && strcmp(calls, "ddd") == 0, "three new directories, synced as %s",
           calls);
    close(made.dir);
    calls[0] = '\0';
    expect(store_open(&made, path) && calls[0] == '\0', "none is new, synced as %s", calls);
    close(made.dir);
    expect(chdir(dir) == 0 && store_open(&made, "f/g") && strcmp(calls, "dd") == 0,
           "below the working directory: %s", calls);
    close(made.dir);
}

static void one_owner(void) {
    int status = 0;
    expect(store_claim(&store), "the first");
    pid_t child = fork();
    if (child == 0) {
        char path[300];
        struct store second;
        snprintf(path, sizeof path, "%s/a/b", dir);
        _exit(store_open(&second, path) && !store_claim(&second) ? 0 : 1);
    }
    expect(waitpid(child, &status, 0) == child && status == 0, "two guests in one directory");
}

static void logs(void) {
    char text[64];
    int fd = store_append(&store, "log");
    for (int i = 0; i < 10; i++)
        dprintf(fd, "line %d\n", i);
    store_trim(&store, "log", 100);
    expect(holds("log.1", "") || store_tail(&store, "log", text, 14) == 14, "trimmed too early");
    store_trim(&store, "log", 21);
    expect(holds("log.1", "line 7\nline 8\nline 9\n"), "the last bytes are kept");
    dprintf(fd, "more\n");
    close(fd);
    size_t n = store_tail(&store, "log", text, 12);
    expect(n == 12 && memcmp(text, "line 9\nmore\n", 12) == 0, "the tail runs over both: %.*s", (int)n, text);
    expect(store_tail(&store, "no log", text, 12) == 0, "no log");
}

int main(void) {
    char path[300];
    const char *temp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%.200s/cplz-store-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/a/b", dir);
    umask(0);
    expect(store_open(&store, path), "no directory");
    case_of("a write is synced before it takes the old one's place", order);
    case_of("what the disk refuses, or has not, is not kept", refusing);
    case_of("files are private, links are not followed", private);
    case_of("new directories are synced too", born_synced);
    case_of("one guest in a directory", one_owner);
    case_of("logs are trimmed and told from both parts", logs);
    snprintf(path, sizeof path, "rm -rf %s", dir);
    return system(path) != 0 || failures != 0;
}
