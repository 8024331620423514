/* Stores whose content is folded from elsewhere: their commits are not synced.
 *
 * What a process wrote is in the kernel's hands, so a kill loses nothing. A power cut may leave any
 * mixture of pages. So the file `open` names the boot of the machine while the store is open, and
 * goes when the store was synced and closed:
 *
 *     `open` at start     means                                        so
 *     missing             closed cleanly, or new                       opens
 *     this boot           the process was killed                       opens
 *     another boot        the machine went down while it was open      emptied
 *     `unsynced`          the last sync failed                         emptied
 *
 * Emptying comes before the new mark: a cut in between is found again by the old one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/store/inside.h"

#define MARK "open"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define UNSYNCED "unsynced\n"
#define MARK_MAX 64
#define GIVE_WAY 5

/* Text of a small file, "" when it is missing or cannot be read. */
static void text_of_file(int dir_fd, const char *name, char out[MARK_MAX])
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, MARK_MAX - 1);

	out[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static int mark_put(struct place *p, const char *text)
{
	size_t n = strlen(text);
	int fd = openat(p->dir_fd, MARK, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc = 0;

	if (fd < 0)
		return store_err(errno);
	if (write(fd, text, n) != (ssize_t)n || fsync(fd) != 0)
		rc = store_err(errno);
	close(fd);
	return rc ? rc : place_sync(p);
}

/* A batch that comes in, and a question that is asked, go before what follows from them. Where
 * processors are free it makes no difference. Linux: the nice value is a thread's own; whatever the
 * daemon's is, its writer of derived stores stands behind. */
void derived_give_way(void)
{
	int is = getpriority(PRIO_PROCESS, (id_t)gettid());

	if (setpriority(PRIO_PROCESS, (id_t)gettid(), is + GIVE_WAY) != 0)
		log_debug("store", "the priority stays as it is: %s", strerror(errno));
}

int derived_empty(struct place *p, const char *why)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "format" };

	log_warning("store", "%s: %s: it is emptied, and folded anew", p->dir, why);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (unlinkat(p->dir_fd, files[i], 0) != 0 && errno != ENOENT)
			return store_err(errno);
	return place_sync(p);
}

int derived_open(struct place *p, struct errmsg *m)
{
	char boot[MARK_MAX], mark[MARK_MAX];
	int rc = 0;

	text_of_file(AT_FDCWD, BOOT_ID, boot);
	text_of_file(p->dir_fd, MARK, mark);
	/* Without a boot's name nothing can be told from a power cut. */
	if (mark[0] && (boot[0] == '\0' || strcmp(mark, boot) != 0))
		rc = derived_empty(p, "the machine went down while it was open");
	if (rc == 0)
		rc = mark_put(p, boot[0] ? boot : UNSYNCED);
	if (rc)
		errmsg_set(m, "%s: the mark `" MARK "` cannot be set: %s", p->dir, err_words(rc));
	return rc;
}

void derived_close(struct place *p, bool synced)
{
	if (synced && unlinkat(p->dir_fd, MARK, 0) == 0 && place_sync(p) == 0)
		return;
	if (!synced)
		mark_put(p, UNSYNCED);
	log_warning("store", "%s: could not be closed cleanly", p->dir);
}
