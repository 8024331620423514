/* The walk through a data file.
 *
 *     page 0, 1   meta pages, written in turn: commit n writes page n & 1, so their commits differ
 * by one page        | pgno 8 | pad 2 | flags 2 | lower 2 | upper 2 | offsets of nodes, 2 each … →
 * room ← … nodes | long value  | pgno 8 | pad 2 | flags 2 | pages 4 | bytes …, over `pages` pages
 *     node        | low 2 | high 2 | flags 2 | key bytes 2 | key | value |    leaf: low, high =
 * bytes of the value branch: low, high, flags = child's page meta        | magic 4 | version 4 |
 * address 8 | map 8 | tree of free pages 48 | tree of tables 48 | last page 8 | commit 8 | tree |
 * pad 4 | flags 2 | depth 2 | branches 8 | leaves 8 | long pages 8 | entries 8 | root 8 |
 *
 * Integers are the machine's own (little-endian). The newest meta page gives two trees: of tables,
 * whose values are trees again, and of free pages (commit → count, pages in descending order).
 * Held: every page stands where its own number says, is used once, or free once, never both; nodes
 * lie inside their page and fill it; keys ascend within the bounds that the parent gives; the
 * tree's counts are what was found. A page that a half-forgotten write left behind breaks at least
 * one of these.
 *
 * The file may end before the last page: pages that were taken and freed in one commit are never
 * written. */
#include "daemon/store/check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0xBEEFC0DEu
#define HEAD 16u
#define NODE 8u
#define NONE UINT64_MAX
#define DEPTH_MOST 32
#define KEY_MOST 511
#define LEAVES_MOST (1u << 20) /* pages; a larger file is walked without its leaves */
#define UNWRITTEN_MOST 131072  /* pages at the end: one transaction's */

enum { BRANCH = 1, LEAF = 2, LONG = 4, META = 8 };
enum { BIG = 1, TREE = 2 };
enum kind { FREE_PAGES, TABLES, TABLE };

struct tree {
	uint32_t pad;
	uint16_t flags, depth;
	uint64_t branches, leaves, longs, entries, root;
};

struct meta {
	uint32_t magic, version;
	uint64_t address, map;
	struct tree free_pages, tables;
	uint64_t last, commit;
};

struct page {
	uint64_t pgno;
	uint16_t pad, flags, lower, upper;
};

struct key {
	const uint8_t *p;
	size_t n;
};

struct walk {
	int fd, err;
	struct errmsg *m;
	size_t page;
	uint64_t pages; /* whole pages in the file */
	struct meta meta;
	uint8_t *seen; /* a bit a page of the file */
	uint8_t *buf;  /* a page for each level, twice: a table's tree is walked inside the tree of
			  tables */
	bool no_leaves;
};

struct tour {
	struct walk *w;
	enum kind kind;
	struct tree tree;
	struct tree found;
	unsigned base; /* first of its buffers */
};

static int bad(struct walk *w, uint64_t pgno, const char *what)
{
	if (!w->err) {
		w->err = ERR_DAMAGED;
		errmsg_set(w->m, "damaged at page %llu: %s", (unsigned long long)pgno, what);
	}
	return w->err;
}

static int load(struct walk *w, void *out, uint64_t at, size_t n)
{
	uint8_t *to = out;

	while (n > 0 && !w->err) {
		ssize_t got = pread(w->fd, to, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			w->err = ERR_IO;
			errmsg_set(w->m, "cannot be read at byte %llu: %s", (unsigned long long)at,
				strerror(errno));
		} else if (got == 0) {
			bad(w, at / w->page, "the file ends before it");
		} else {
			to += got;
			at += (uint64_t)got;
			n -= (size_t)got;
		}
	}
	return w->err;
}

/* Counts `n` pages from pgno as used or free; each may be that once. */
static int take(struct walk *w, uint64_t pgno, uint64_t n, bool is_free)
{
	if (pgno < 2 || pgno > w->meta.last || n > w->meta.last + 1 - pgno)
		return bad(w, pgno, "a page beyond the last one is named");
	if (!is_free && pgno + n > w->pages)
		return bad(w, pgno, "the file was cut: it ends before a page in use");
	for (; n > 0; n--, pgno++) {
		if (pgno >= w->pages)
			continue;
		if (w->seen[pgno / 8] & 1 << pgno % 8)
			return bad(w, pgno, "is used twice");
		w->seen[pgno / 8] |= (uint8_t)(1 << pgno % 8);
	}
	return 0;
}

static int cmp(enum kind kind, struct key a, struct key b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	uint64_t x, y;
	int rc;

	if (kind == FREE_PAGES) {
		memcpy(&x, a.p, 8);
		memcpy(&y, b.p, 8);
		return x < y ? -1 : x > y;
	}
	rc = n ? memcmp(a.p, b.p, n) : 0;
	return rc ? rc : a.n < b.n ? -1 : a.n > b.n;
}

static int tour_tree(struct walk *w, enum kind kind, const struct tree *tree);

static int free_list(struct walk *w, uint64_t pgno, const uint8_t *value, size_t bytes)
{
	uint64_t n = 0, at, before = NONE;

	if (bytes >= 8)
		memcpy(&n, value, 8);
	if (bytes < 8 || n > bytes / 8 - 1)
		return bad(w, pgno, "a list of free pages is longer than its place");
	for (uint64_t i = 1; i <= n && !w->err; i++) {
		memcpy(&at, value + 8 * i, 8);
		if (at >= before)
			return bad(w, pgno, "a list of free pages is out of order");
		before = at;
		take(w, at, 1, true);
	}
	return w->err;
}

/* A value outside its leaf. */
static int long_value(struct tour *r, uint64_t pgno, uint64_t at, size_t bytes)
{
	struct walk *w = r->w;
	uint8_t head[HEAD];
	struct page p;
	uint32_t n;

	if (at < 2 || at >= w->pages)
		return bad(w, pgno, "a long value lies outside the file");
	if (load(w, head, at * w->page, HEAD))
		return w->err;
	memcpy(&p, head, sizeof p);
	memcpy(&n, head + 12, 4);
	if (p.pgno != at || p.flags != LONG || n == 0 || bytes > (uint64_t)n * w->page - HEAD)
		return bad(w, at, "is not the long value that a leaf names");
	r->found.longs += n;
	if (take(w, at, n, false) || r->kind != FREE_PAGES)
		return w->err;
	uint8_t *value = malloc(bytes);

	if (!value) {
		w->err = ERR_NOMEM;
		errmsg_set(w->m, "out of memory");
	} else if (load(w, value, at * w->page + HEAD, bytes) == 0) {
		free_list(w, at, value, bytes);
	}
	free(value);
	return w->err;
}

static int leaf_value(
	struct tour *r, uint64_t pgno, unsigned flags, const uint8_t *value, size_t bytes)
{
	struct walk *w = r->w;
	struct tree tree;
	uint64_t at;

	r->found.entries++;
	if (flags == BIG) {
		memcpy(&at, value, 8);
		return long_value(r, pgno, at, bytes);
	}
	if (r->kind == TABLES) {
		if (flags != TREE || bytes != sizeof tree)
			return bad(w, pgno, "something else than a table stands among the tables");
		memcpy(&tree, value, sizeof tree);
		return tour_tree(w, TABLE, &tree);
	}
	if (flags != 0)
		return bad(w, pgno, "a value of a kind that is never made here");
	return r->kind == FREE_PAGES ? free_list(w, pgno, value, bytes) : 0;
}

/* The nodes of a page that stands at `b`. */
static int nodes(struct tour *r, const uint8_t *b, struct key least, struct key below)
{
	struct walk *w = r->w;
	struct page p;
	struct key was = { 0 };
	size_t filled = 0, n;
	bool leaf;

	memcpy(&p, b, sizeof p);
	leaf = p.flags == LEAF;
	n = (p.lower - HEAD) / 2;
	for (size_t i = 0; i < n && !w->err; i++) {
		uint16_t at, low, high, flags, key_n;
		size_t bytes, inside;

		memcpy(&at, b + HEAD + 2 * i, 2);
		if (at < p.upper || at % 2 || at + NODE > w->page)
			return bad(w, p.pgno, "a node lies outside its page");
		memcpy(&low, b + at, 2);
		memcpy(&high, b + at + 2, 2);
		memcpy(&flags, b + at + 4, 2);
		memcpy(&key_n, b + at + 6, 2);
		bytes = (size_t)low | (size_t)high << 16;
		inside = !leaf ? 0 : flags & BIG ? 8 : bytes;
		if (key_n > KEY_MOST || NODE + key_n + inside > w->page - at)
			return bad(w, p.pgno, "a node is longer than its page");
		filled += (NODE + key_n + inside + 1) & ~(size_t)1;

		struct key k = { b + at + NODE, key_n };
		bool first_branch =
			!leaf && i == 0; /* stands for all that is less: its key means nothing */

		if (!first_branch) {
			if (r->kind == FREE_PAGES && k.n != 8)
				return bad(w, p.pgno,
					"a key of the free pages is not a commit's number");
			if (k.n == 0 || (was.p && cmp(r->kind, was, k) >= 0) ||
				(least.p && cmp(r->kind, k, least) < 0) ||
				(below.p && cmp(r->kind, k, below) >= 0))
				return bad(w, p.pgno, "a key is out of order");
		}
		if (leaf)
			leaf_value(r, p.pgno, flags, k.p + k.n, bytes);
		if (!first_branch)
			was = k;
	}
	if (!w->err && filled != w->page - p.upper)
		return bad(w, p.pgno, "its nodes do not fill it");
	return w->err;
}

/* Key and child of node i of a branch whose nodes were found good. */
static uint64_t child(const uint8_t *b, size_t i, struct key *k)
{
	uint16_t at, low, high, flags, key_n;

	memcpy(&at, b + HEAD + 2 * i, 2);
	memcpy(&low, b + at, 2);
	memcpy(&high, b + at + 2, 2);
	memcpy(&flags, b + at + 4, 2);
	memcpy(&key_n, b + at + 6, 2);
	*k = (struct key){ b + at + NODE, key_n };
	return (uint64_t)low | (uint64_t)high << 16 | (uint64_t)flags << 32;
}

static int visit(struct tour *r, uint64_t pgno, unsigned level, struct key least, struct key below)
{
	struct walk *w = r->w;
	bool leaf = level == r->tree.depth;
	uint8_t *b = w->buf + (r->base + level) * w->page;
	struct page p;
	size_t n;

	if (take(w, pgno, 1, false))
		return w->err;
	if (leaf && w->no_leaves && r->kind == TABLE) {
		r->found.leaves++;
		return 0;
	}
	if (load(w, b, pgno * w->page, w->page))
		return w->err;
	memcpy(&p, b, sizeof p);
	if (p.pgno != pgno || p.flags != (leaf ? LEAF : BRANCH))
		return bad(w, pgno, "another page stands in its place");
	if (p.lower < HEAD || p.lower % 2 || p.lower > p.upper || p.upper > w->page)
		return bad(w, pgno, "its bounds are wrong");
	n = (p.lower - HEAD) / 2;
	if (n < (leaf ? 1u : 2u))
		return bad(w, pgno, "it is empty");
	if (nodes(r, b, least, below))
		return w->err;
	if (leaf) {
		r->found.leaves++;
		return 0;
	}
	r->found.branches++;
	for (size_t i = 0; i < n && !w->err; i++) {
		struct key from, to = below;
		uint64_t down = child(b, i, &from);

		if (i + 1 < n)
			child(b, i + 1, &to);
		visit(r, down, level + 1, i == 0 ? least : from, to);
	}
	return w->err;
}

static int tour_tree(struct walk *w, enum kind kind, const struct tree *tree)
{
	struct tour r = {
		.w = w, .kind = kind, .tree = *tree, .base = kind == TABLE ? DEPTH_MOST + 1 : 0
	};
	unsigned flags = kind == FREE_PAGES ? 8 : 0;

	if (tree->flags != flags || tree->depth > DEPTH_MOST ||
		(tree->root == NONE) != (tree->depth == 0))
		return bad(w, tree->root, "the root of a tree is wrong");
	if (tree->root != NONE)
		visit(&r, tree->root, 1, (struct key){ 0 }, (struct key){ 0 });
	if (w->err)
		return w->err;
	if (r.found.branches != tree->branches || r.found.leaves != tree->leaves)
		return bad(w, tree->root, "the tree has not the pages that it should have");
	if (!(w->no_leaves && kind == TABLE) &&
		(r.found.entries != tree->entries || r.found.longs != tree->longs))
		return bad(w, tree->root, "the tree has not the entries that it should have");
	return 0;
}

/* Both meta pages → the newest. */
static int metas(struct walk *w, uint64_t size)
{
	struct meta meta[2];
	struct page p;
	uint8_t b[HEAD + sizeof(struct meta)];

	w->page = sizeof b;
	for (unsigned i = 0; i < 2; i++) {
		if (size < i * w->page + sizeof b)
			return bad(w, i, "the file was cut");
		if (load(w, b, i * w->page, sizeof b))
			return w->err;
		memcpy(&p, b, sizeof p);
		memcpy(&meta[i], b + HEAD, sizeof meta[i]);
		if (p.pgno != i || p.flags != META || meta[i].magic != MAGIC ||
			meta[i].version != 1)
			return bad(w, i, "not the first page of a store");
		w->page = meta[0].free_pages.pad;
		if (w->page < 512 || w->page > 32768 || (w->page & (w->page - 1)) ||
			meta[i].free_pages.pad != w->page)
			return bad(w, i, "the size of pages is wrong");
	}
	w->meta = meta[meta[0].commit < meta[1].commit];
	uint64_t older = meta[0].commit < meta[1].commit ? meta[0].commit : meta[1].commit;

	if (w->meta.commit > 0 ? (w->meta.commit != older + 1 ||
					 meta[w->meta.commit & 1].commit != w->meta.commit)
			       : w->meta.last != 1)
		return bad(w, w->meta.commit & 1, "the two first pages do not follow each other");
	w->pages = size / w->page;
	if (w->meta.last < 1 || w->meta.last > w->pages + UNWRITTEN_MOST)
		return bad(w, w->meta.commit & 1, "the file was cut, or its last page is wrong");
	return 0;
}

bool check_commit(const uint8_t *page, uint64_t *commit)
{
	struct meta meta;

	memcpy(&meta, page + HEAD, sizeof meta);
	*commit = meta.commit;
	return meta.magic == MAGIC && meta.version == 1;
}

int check_file(int fd, struct errmsg *m)
{
	struct walk w = { .fd = fd, .m = m };
	struct stat st;

	if (fstat(fd, &st) != 0) {
		errmsg_set(m, "%s", strerror(errno));
		return ERR_IO;
	}
	if (metas(&w, (uint64_t)st.st_size))
		return w.err;
	w.no_leaves = w.pages > LEAVES_MOST;
	w.seen = calloc(w.pages / 8 + 1, 1);
	w.buf = malloc(2 * (DEPTH_MOST + 1) * w.page);
	if (!w.seen || !w.buf) {
		errmsg_set(m, "out of memory");
		w.err = ERR_NOMEM;
	}
	if (!w.err)
		tour_tree(&w, TABLES, &w.meta.tables);
	if (!w.err)
		tour_tree(&w, FREE_PAGES, &w.meta.free_pages);
	free(w.seen);
	free(w.buf);
	return w.err;
}
