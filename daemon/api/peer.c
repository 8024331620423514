/* SO_PEERCRED names the user and group the peer had when it connected; SO_PEERGROUPS its further
 * groups. On a kernel without the latter the database is asked for the user's groups instead. root
 * and the daemon's own user may do all. */
#include "daemon/api/peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/log.h"

#define GROUPS_MAX 1024
#define DB_BYTES 16384

#define BIT(right) (1u << (right))
/* Each right with those it stands on. */
static const unsigned grants[4] = {
	[RIGHT_VIEWER] = BIT(RIGHT_VIEWER),
	[RIGHT_OPERATOR] = BIT(RIGHT_OPERATOR) | BIT(RIGHT_VIEWER),
	[RIGHT_REGISTRAR] = BIT(RIGHT_REGISTRAR) | BIT(RIGHT_OPERATOR) | BIT(RIGHT_VIEWER),
	[RIGHT_ADMIN] = BIT(RIGHT_ADMIN) | BIT(RIGHT_OPERATOR) | BIT(RIGHT_VIEWER),
};
#define ALL_RIGHTS 0xfu

static bool group_id(const char *name, gid_t *out)
{
	struct group group, *found = NULL;
	size_t room = DB_BYTES;
	char *db = NULL;
	int err = ERANGE;

	while (err == ERANGE && room <= DB_BYTES * 64) {
		free(db);
		db = malloc(room);
		if (!db)
			return false;
		err = getgrnam_r(name, &group, db, room, &found);
		room *= 4;
	}
	if (found)
		*out = found->gr_gid;
	free(db);
	return found != NULL;
}

/* The peer's groups into ids (GROUPS_MAX + 1); returns how many. */
static size_t peer_groups(int fd, const struct ucred *who, gid_t *ids)
{
	struct passwd user, *found = NULL;
	socklen_t bytes = GROUPS_MAX * sizeof(*ids);
	int n = GROUPS_MAX;
	char *db;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, ids, &bytes) == 0) {
		n = (int)(bytes / sizeof(*ids));
	} else {
		db = malloc(DB_BYTES);
		if (!db || getpwuid_r(who->uid, &user, db, DB_BYTES, &found) || !found ||
			getgrouplist(user.pw_name, who->gid, ids, &n) < 0)
			n = 0;
		free(db);
	}
	ids[n] = who->gid;
	return (size_t)n + 1;
}

static unsigned rights_of(int fd, const struct ucred *who, const char *const groups[4])
{
	gid_t *ids, id;
	unsigned rights = 0;
	size_t n;

	if (who->uid == 0 || who->uid == geteuid())
		return ALL_RIGHTS;
	ids = malloc((GROUPS_MAX + 1) * sizeof(*ids));
	if (!ids)
		return 0;
	n = peer_groups(fd, who, ids);
	for (int right = 0; right < 4; right++) {
		if (!groups[right] || !groups[right][0] || !group_id(groups[right], &id))
			continue;
		for (size_t i = 0; i < n; i++)
			if (ids[i] == id)
				rights |= grants[right];
	}
	free(ids);
	return rights;
}

void peer_init(struct peer *p, int fd, const char *const groups[4])
{
	struct ucred who;
	struct passwd user, *found = NULL;
	socklen_t bytes = sizeof(who);
	char *db;

	*p = (struct peer){ .known = true, .uid = (unsigned)-1 };
	snprintf(p->user, sizeof(p->user), "unknown");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes)) {
		log_warning("api", "a peer without credentials may do nothing: error %d", errno);
		return;
	}
	p->uid = who.uid;
	snprintf(p->user, sizeof(p->user), "%u", p->uid);
	db = malloc(DB_BYTES);
	if (db && getpwuid_r(who.uid, &user, db, DB_BYTES, &found) == 0 && found)
		snprintf(p->user, sizeof(p->user), "%s", found->pw_name);
	free(db);
	p->rights = rights_of(fd, &who, groups);
}

void peer_warn_groups(const char *const groups[4])
{
	gid_t id;

	for (int right = 0; right < 4; right++)
		if (groups[right] && groups[right][0] && !group_id(groups[right], &id))
			log_warning("api",
				"the group %s does not exist: nobody gets its right until it does",
				groups[right]);
}
