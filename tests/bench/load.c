/* Load for the bench, over the control socket as any client would bring it. Rows are made up
 * (births 1903–1909).
 *
 *   load singles SOCKET CLIENTS SECONDS SEED       single records from CLIENTS connections at once
 *     → `singles <records a second> <records>`
 *   load visible COLLECTOR CITY AREA TIMES SEED    one record at a time: from the submit until a
 * form of the city shows it → `visible <p50 ms> <p99 ms> <times>`
 *   load shows SOCKET TIMES PATH…                  asks for these in turn, one after the other
 *     → `shows <p50 ms> <p99 ms> <times>`
 *
 * SEED keeps keys of different runs apart. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RESPONSE_MAX (1 << 20)

struct http {
	int fd;
	char *response; /* RESPONSE_MAX */
	char *body;	/* in response; empty when the answer is the same as before (304) */
	char held[128]; /* its ETag */
	int status;
};

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void http_open(struct http *h, const char *socket_path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(socket_path) >= sizeof(a.sun_path)) {
		errno = ENAMETOOLONG;
		die(socket_path);
	}
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", socket_path);
	h->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (h->fd < 0 || connect(h->fd, (struct sockaddr *)&a, sizeof(a)))
		die(socket_path);
	snprintf(h->held, sizeof(h->held), "\"none\"");
	h->response = malloc(RESPONSE_MAX);
	if (!h->response)
		die("memory");
}

static void http_close(struct http *h)
{
	close(h->fd);
	free(h->response);
}

/* Sends a whole request and reads the whole answer (Content-Length). */
static void http_call(struct http *h, const char *request, size_t n)
{
	size_t have = 0, want = SIZE_MAX;

	for (size_t sent = 0; sent < n;) {
		ssize_t w = write(h->fd, request + sent, n - sent);
		if (w < 0)
			die("write");
		sent += (size_t)w;
	}
	while (have < want) {
		struct pollfd wait = { .fd = h->fd, .events = POLLIN };
		ssize_t r;

		/* As libraries wait. Who waits in read() is woken, for nothing, when its question
		 * is taken up, and takes the processor from who would answer it. */
		if (poll(&wait, 1, -1) < 0)
			die("poll");
		r = read(h->fd, h->response + have, RESPONSE_MAX - 1 - have);
		if (r <= 0)
			die("read");
		have += (size_t)r;
		h->response[have] = 0;
		if (want == SIZE_MAX) {
			char *end = strstr(h->response, "\r\n\r\n");
			char *length = strcasestr(h->response, "content-length:");
			if (end && !strncmp(h->response + 9, "304", 3))
				want = have;
			else if (end && length)
				want = (size_t)(end + 4 - h->response) +
				       strtoull(length + 15, NULL, 10);
			h->body = end ? end + 4 : NULL;
		}
	}
	h->status = atoi(h->response + 9);
}

/* A resident identity number that belongs to nobody: order and birth from a counter, area 310101.
 */
static void made_up_number(char out[19], uint64_t k)
{
	static const int weights[17] = { 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2 };
	int sum = 0;

	snprintf(out, 19, "310101%04d%02d%02d%03d", (int)(1903 + k / 335664 % 7),
		(int)(1 + k / 27972 % 12), (int)(1 + k / 999 % 28), (int)(1 + k % 999));
	for (int i = 0; i < 17; i++)
		sum += (out[i] - '0') * weights[i];
	out[17] = "10X98765432"[sum % 11];
	out[18] = 0;
}

/* A request that posts one completed training. */
static size_t one_record(char *out, size_t size, const char *seed, uint64_t k)
{
	static const char header[] =
		"enrolment_no,class_no,name,doc_number,type,channel,institution,status_group,"
		"enrolled_on,ended_on,hours_online,result\n";
	char number[19], row[400];
	int n;

	made_up_number(number, k);
	n = snprintf(row, sizeof(row),
		"%s%sN%" PRIu64 ",%sC%" PRIu64 ",甲乙%" PRIu64
		",%s,upgrade,self,91310101MA1T000136,employed,2019-06-01,2019-06-20,12.5,"
		"completed\n",
		header, seed, k, seed, k / 30, k % 97, number);
	n = snprintf(out, size,
		"POST /v1/records/training HTTP/1.1\r\nHost: tally\r\nContent-Type: text/csv\r\n"
		"Content-Length: %d\r\n\r\n%s",
		n, row);
	return (size_t)n;
}

static void submit(struct http *h, const char *seed, uint64_t k)
{
	char request[1024];

	http_call(h, request, one_record(request, sizeof(request), seed, k));
	if (h->status != 200 || !strstr(h->body, "\"accepted\"")) {
		fprintf(stderr, "load: answer %d: %s\n", h->status, h->body);
		exit(1);
	}
}

/* ---- singles ---- */

struct client {
	pthread_t thread;
	const char *socket, *seed;
	uint64_t first;
	double until;
	uint64_t done;
};

static void *client_run(void *arg)
{
	struct client *c = arg;
	struct http h;

	http_open(&h, c->socket);
	while (seconds() < c->until)
		submit(&h, c->seed, c->first + c->done++);
	http_close(&h);
	return NULL;
}

static int singles(const char *socket_path, int clients, double span, const char *seed)
{
	struct client *c = calloc((size_t)clients, sizeof(*c));
	double start = seconds();
	uint64_t total = 0;

	if (!c)
		die("memory");
	for (int i = 0; i < clients; i++) {
		c[i] = (struct client){ .socket = socket_path,
			.seed = seed,
			.first = (uint64_t)i * 1000000,
			.until = start + span };
		if (pthread_create(&c[i].thread, NULL, client_run, &c[i]))
			die("thread");
	}
	for (int i = 0; i < clients; i++) {
		pthread_join(c[i].thread, NULL);
		total += c[i].done;
	}
	printf("singles %.0f %" PRIu64 "\n", (double)total / (seconds() - start), total);
	free(c);
	return 0;
}

/* ---- visible ---- */

/* Column 2 (enrolments) of the row upgrade × self; `before` when nothing has changed since. */
static int64_t shown(struct http *h, const char *area, int64_t before)
{
	char request[400], line[64];
	const char *found, *tag;
	int n = snprintf(request, sizeof(request),
		"GET /v1/forms/02?period=2019-06&area=%s HTTP/1.1\r\nHost: tally\r\nAccept: "
		"text/csv\r\nIf-None-Match: %s\r\n\r\n",
		area, h->held);

	http_call(h, request, (size_t)n);
	if (h->status == 304)
		return before;
	tag = strcasestr(h->response, "etag: ");
	if (!tag || sscanf(tag + 6, "%127[^\r]", h->held) != 1)
		die("no ETag");
	if (h->status != 200) {
		fprintf(stderr, "load: answer %d: %s\n", h->status, h->body);
		exit(1);
	}
	snprintf(line, sizeof(line), "%s,upgrade,self,2,", area);
	found = strstr(h->body, line);
	return found ? strtoll(found + strlen(line), NULL, 10) : 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int visible(char **argv)
{
	int times = atoi(argv[3]);
	double *ms = calloc((size_t)times, sizeof(*ms));
	struct http collector, city;
	int64_t now = 0;

	if (!ms || times < 1)
		die("times");
	prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: a pause is as long as it says */
	http_open(&collector, argv[0]);
	http_open(&city, argv[1]);
	for (int i = 0; i < times; i++) {
		int64_t before = now = shown(&city, argv[2], now);
		double start = seconds();
		submit(&collector, argv[4], (uint64_t)i);
		while ((now = shown(&city, argv[2], before)) <= before) {
			if (seconds() - start > 30) {
				errno = ETIMEDOUT;
				die("the form does not show the record");
			}
			usleep(50); /* what asks without a pause takes the processor from what it
				       asks about */
		}
		ms[i] = (seconds() - start) * 1e3;
		usleep(2000);
	}
	qsort(ms, (size_t)times, sizeof(*ms), by_value);
	printf("visible %.3f %.3f %d\n", ms[times / 2], ms[times * 99 / 100], times);
	free(ms);
	http_close(&collector);
	http_close(&city);
	return 0;
}

/* ---- shows ---- */

static int shows(const char *socket_path, int times, char **paths, int n)
{
	double *ms = calloc((size_t)times, sizeof(*ms));
	struct http h;

	if (!ms || times < 1 || n < 1)
		die("times");
	http_open(&h, socket_path);
	for (int i = 0; i < times; i++) {
		char request[512];
		int length = snprintf(request, sizeof(request),
			"GET %s HTTP/1.1\r\nHost: tally\r\nAccept: text/csv\r\n\r\n", paths[i % n]);
		double start;

		if (length >= (int)sizeof(request)) {
			errno = ENAMETOOLONG;
			die(paths[i % n]);
		}
		start = seconds();
		http_call(&h, request, (size_t)length);
		ms[i] = (seconds() - start) * 1e3;
		if (h.status != 200) {
			fprintf(stderr, "load: %s: answer %d: %s\n", paths[i % n], h.status,
				h.body);
			exit(1);
		}
		usleep(500); /* somebody reads what was asked for */
	}
	qsort(ms, (size_t)times, sizeof(*ms), by_value);
	printf("shows %.3f %.3f %d\n", ms[times / 2], ms[times * 99 / 100], times);
	free(ms);
	http_close(&h);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "singles") == 0)
		return singles(argv[2], atoi(argv[3]), atof(argv[4]), argv[5]);
	if (argc == 7 && strcmp(argv[1], "visible") == 0)
		return visible(argv + 2);
	if (argc >= 5 && strcmp(argv[1], "shows") == 0)
		return shows(argv[2], atoi(argv[3]), argv + 4, argc - 4);
	fprintf(stderr, "usage: load singles SOCKET CLIENTS SECONDS SEED | load visible COLLECTOR "
			"CITY AREA TIMES SEED | load shows SOCKET TIMES PATH…\n");
	return 64;
}
