/* feed → the reader puts the file aside → end: the run begins (it may wait for its place), the
 * reader gives out header and rows, the run ends.
 *
 * A file that cannot be read is the sender's matter (a bad file, E016 or E017); when we cannot put
 * it aside or have no memory it is ours, and the words say to come again. */
#include "daemon/intake/load.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct load {
	struct load_conf conf;
	struct reader *reader;
	struct reader_column columns[READER_CELLS_MAX];
	size_t n_columns;
	struct intake_run *run;
	struct intake_result result;
	uint64_t fed, looked; /* bytes; when the disk was looked at last */
	bool moved, no_room;
};

/* A file that is put aside leaves the store, which lies on the same disk, room to go on. */
#define RESERVE_BYTES ((uint64_t)64 << 20)
#define RESERVE_PART 8
#define LOOK_BYTES ((uint64_t)256 << 10)

static bool on_header(void *arg, const struct reader_row *row)
{
	struct load *l = arg;

	return intake_header(l->run, row);
}

static bool on_row(void *arg, const struct reader_row *row)
{
	struct load *l = arg;
	const struct intake_request *q = &l->conf.request;

	if (q->give_up && q->give_up(q->arg)) {
		intake_interrupt(l->run);
		return false;
	}
	return intake_row(l->run, row);
}

/* The keys that lines of JSON may have. */
static void columns_take(struct load *l)
{
	const struct reg *reg = l->conf.request.reg;

	for (size_t i = 0; i < reg->n_fields; i++)
		l->columns[l->n_columns++] = (struct reader_column){ .name = reg->fields[i].name,
			.other = reg->fields[i].zh,
			.list = reg->fields[i].type == FIELD_CODES };
	if (!l->conf.request.retract)
		return;
	l->columns[l->n_columns++] =
		(struct reader_column){ columns_key[0], columns_key[1], false };
	l->columns[l->n_columns++] =
		(struct reader_column){ columns_reason[0], columns_reason[1], false };
}

int load_open(struct load **out, const struct load_conf *conf)
{
	struct load *l = calloc(1, sizeof *l);
	int err;

	if (!l)
		return ERR_NOMEM;
	l->conf = *conf;
	columns_take(l);
	err = reader_open(&l->reader, &(struct reader_conf){ .format = conf->format,
					      .otherwise = conf->otherwise,
					      .dir = conf->dir,
					      .columns = l->columns,
					      .n_columns = l->n_columns,
					      .on_header = on_header,
					      .on_row = on_row,
					      .arg = l });
	if (err) {
		free(l);
		return err;
	}
	*out = l;
	return 0;
}

static bool disk_has_room(const char *dir)
{
	struct statvfs v;
	uint64_t free_bytes, part;

	if (statvfs(dir, &v))
		return true;
	free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	part = (uint64_t)v.f_blocks * v.f_frsize / RESERVE_PART;
	return free_bytes > (part < RESERVE_BYTES ? part : RESERVE_BYTES);
}

bool load_feed(struct load *l, const char *p, size_t n)
{
	l->fed += n;
	if (l->fed - l->looked > LOOK_BYTES) {
		l->looked = l->fed;
		l->no_room = l->no_room || !disk_has_room(l->conf.dir);
	}
	return !l->no_room && reader_feed(l->reader, p, n);
}

static void reader_failed(struct load *l)
{
	int err = reader_error(l->reader);

	if (l->no_room)
		intake_fail(l->run, ERR_FULL, "the file cannot be put aside while it is read");
	else if (err == ERR_INVALID)
		intake_refuse_file(l->run, l->moved ? "E012" : "E016", reader_words(l->reader));
	else if (err == ERR_LIMIT)
		intake_refuse_file(l->run, "E017", reader_words(l->reader));
	else if (err)
		intake_fail(l->run, err, reader_words(l->reader));
}

static void read_file(struct load *l, int fd)
{
	struct stat before, after;

	l->moved = fstat(fd, &before) != 0;
	(void)reader_file(l->reader, fd);
	l->moved = l->moved || fstat(fd, &after) != 0 || before.st_size != after.st_size ||
		   before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
		   before.st_mtim.tv_nsec != after.st_mtim.tv_nsec;
}

static const struct intake_result *run(struct load *l, int fd)
{
	int err = intake_begin(&l->run, l->conf.intake, &l->conf.request);

	if (err) {
		l->result = (struct intake_result){
			.err = err, .refused = -1, .report = -1, .words = err_words(err)
		};
		return &l->result;
	}
	if (fd >= 0)
		read_file(l, fd);
	else if (!reader_error(l->reader) && !l->no_room)
		(void)reader_end(l->reader);
	reader_failed(l);
	intake_finish(l->run, &l->result);
	return &l->result;
}

const struct intake_result *load_end(struct load *l)
{
	return run(l, -1);
}

const struct intake_result *load_file(struct load *l, int fd)
{
	return run(l, fd);
}

bool load_retracts(const struct load *l)
{
	return l->conf.request.retract;
}

const char *load_warning(const struct load *l)
{
	return reader_warning(l->reader);
}

bool load_moved(const struct load *l)
{
	return l->moved;
}

void load_free(struct load *l)
{
	if (!l)
		return;
	if (l->run)
		intake_free(l->run);
	reader_close(l->reader);
	free(l);
}
