/* Bodies: whole, in pieces, chunked, refused before they came, too slow, dropped in the middle;
 * back-pressure; and many small ones from eight clients. */
#include <pthread.h>
#include <stdatomic.h>

#include "api_client.h"
#include "daemon/base/clock.h"

static struct api *api;
static atomic_int begun, ended_whole, ended_broken;

struct upload {
	size_t n, most;
	uint64_t sum;
	bool slow, stop;
};

static void *begin(struct api_call *call)
{
	struct upload *u;

	if (api_flag(call, "refuse")) {
		api_fail(call, 507, "no room; try again later");
		return NULL;
	}
	u = calloc(1, sizeof(*u));
	u->slow = api_flag(call, "slow");
	u->stop = api_flag(call, "stop");
	atomic_fetch_add(&begun, 1);
	return u;
}

static bool data(void *state, const char *p, size_t n)
{
	struct upload *u = state;

	if (u->slow)
		usleep(2000);
	if (n > u->most)
		u->most = n;
	for (size_t i = 0; i < n; i++)
		u->sum = u->sum * 31 + (unsigned char)p[i];
	u->n += n;
	return !u->stop;
}

static void end(struct api_call *call, void *state, bool whole)
{
	struct upload *u = state;

	atomic_fetch_add(whole ? &ended_whole : &ended_broken, 1);
	if (u->stop)
		api_fail(call, 400, "stopped");
	else
		api_json(call,
			json_pack("{sI, sI, sI}", "n", (json_int_t)u->n, "most",
				(json_int_t)u->most, "sum", (json_int_t)(u->sum & 0xffffffff)));
	free(u);
}

static const struct api_upload upload = { begin, data, end };

static void sleepy(struct api_call *call)
{
	uint64_t ms;

	if (!api_number(call, "ms", 0, 0, 10000, &ms))
		return;
	usleep((useconds_t)ms * 1000);
	api_json(call, json_pack("{sI}", "slept", (json_int_t)ms));
}

static const struct api_route routes[] = {
	{ .method = "POST",
		.path = "/v1/in",
		.query = "refuse? slow? stop?",
		.right = RIGHT_OPERATOR,
		.upload = &upload },
	{ .method = "POST",
		.path = "/v1/sleep",
		.query = "ms",
		.right = RIGHT_OPERATOR,
		.handle = sleepy },
};

static int setup(void **state)
{
	struct api_conf conf = { .name = "test", .version = "0", .idle_s = 1 };
	struct errmsg m;

	(void)state;
	server_dir_make();
	conf.socket = server_socket;
	if (api_open(&api, &conf, routes, 2, &m))
		fail_msg("%s", m.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	api_close(api);
	server_dir_remove();
	return 0;
}

static char *pattern(size_t n, uint64_t *sum)
{
	char *p = malloc(n);
	uint32_t random = 1;

	*sum = 0;
	for (size_t i = 0; i < n; i++) {
		random = random * 1664525 + 1013904223;
		p[i] = (char)(random >> 24);
		*sum = *sum * 31 + (unsigned char)p[i];
	}
	*sum &= 0xffffffff;
	return p;
}

static void assert_sum(const struct answer *a, size_t n, uint64_t sum)
{
	json_t *o = json_loads(a->body, 0, NULL);

	assert_int_equal(a->status, 200);
	assert_int_equal(json_integer_value(json_object_get(o, "n")), n);
	assert_int_equal(json_integer_value(json_object_get(o, "sum")), sum);
	json_decref(o);
}

static void any_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 32768, 32769, 300000, 5000000 };
	struct answer a = { 0 };
	int fd = client_connect();
	char head[256];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t sum;
		char *body = pattern(sizes[i], &sum);

		snprintf(head, sizeof(head),
			"POST /v1/in HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n", sizes[i]);
		assert_true(client_send(fd, head, strlen(head)));
		assert_true(client_send(fd, body, sizes[i]));
		assert_true(client_read(fd, &a));
		assert_sum(&a, sizes[i], sum);
		free(body);
	}
	close(fd);
	answer_deinit(&a);
}

static void chunked(void **state)
{
	static const char head[] =
		"POST /v1/in HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct answer a = { 0 };
	int fd = client_connect();
	uint64_t sum;
	char *body = pattern(200000, &sum), line[32];

	(void)state;
	assert_true(client_send(fd, head, strlen(head)));
	for (size_t at = 0; at < 200000;) {
		size_t n = 1 + random_below(9000);

		n = n > 200000 - at ? 200000 - at : n;
		snprintf(line, sizeof(line), "%zx\r\n", n);
		assert_true(client_send(fd, line, strlen(line)));
		assert_true(client_send(fd, body + at, n));
		assert_true(client_send(fd, "\r\n", 2));
		at += n;
	}
	assert_true(client_send(fd, "0\r\n\r\n", 5));
	assert_true(client_read(fd, &a));
	assert_sum(&a, 200000, sum);
	free(body);
	close(fd);
	answer_deinit(&a);
}

static void expect_continue(void **state)
{
	static const char head[] = "POST /v1/in%s HTTP/1.1\r\nHost: t\r\nContent-Length: "
				   "3\r\nExpect: 100-continue\r\n\r\n";
	struct answer a = { 0 };
	char text[256], more[64] = "";
	int fd = client_connect();

	(void)state;
	snprintf(text, sizeof(text), head, "");
	assert_true(client_send(fd, text, strlen(text)));
	assert_true(read(fd, more, 25) == 25);
	assert_memory_equal(more, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	assert_true(client_send(fd, "abc", 3));
	assert_true(client_read(fd, &a));
	assert_int_equal(a.status, 200);
	close(fd);
	/* refused: no 100, the answer at once, the connection ends */
	fd = client_connect();
	snprintf(text, sizeof(text), head, "?refuse");
	assert_true(client_send(fd, text, strlen(text)));
	assert_true(client_read(fd, &a));
	assert_int_equal(a.status, 507);
	assert_int_equal(read(fd, more, 1), 0);
	close(fd);
	answer_deinit(&a);
}

static void refused_uploads(void **state)
{
	struct answer a = { 0 };
	int fd = client_connect();
	char text[512], more[1];

	(void)state;
	/* a short body is read and thrown away: the connection stays */
	snprintf(text, sizeof(text),
		"POST /v1/in?refuse HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello");
	for (int i = 0; i < 3; i++) {
		assert_true(client_send(fd, text, strlen(text)));
		assert_true(client_read(fd, &a));
		assert_int_equal(a.status, 507);
		assert_string_equal(a.body, "{\"error\": \"no room; try again later\"}\n");
	}
	/* a long one is not waited for */
	snprintf(text, sizeof(text),
		"POST /v1/in?refuse HTTP/1.1\r\nHost: t\r\nContent-Length: 999999999\r\n\r\nhello");
	assert_true(client_send(fd, text, strlen(text)));
	assert_true(client_read(fd, &a));
	assert_int_equal(a.status, 507);
	assert_true(read(fd, more, 1) <= 0);
	close(fd);
	/* data() that wants no more: the rest is thrown away, end() answers */
	fd = client_connect();
	snprintf(text, sizeof(text),
		"POST /v1/in?stop HTTP/1.1\r\nHost: t\r\nContent-Length: 200000\r\n\r\n");
	assert_true(client_send(fd, text, strlen(text)));
	memset(text, 'x', sizeof(text));
	for (size_t n = 0; n < 200000; n += 500)
		assert_true(client_send(fd, text, 500));
	assert_true(client_read(fd, &a));
	assert_int_equal(a.status, 400);
	close(fd);
	answer_deinit(&a);
}

static void wait_for(atomic_int *value, int want)
{
	for (int i = 0; i < 500 && atomic_load(value) < want; i++)
		usleep(10000);
	assert_int_equal(atomic_load(value), want);
}

/* Whoever begins is ended: by a dropped connection, and by silence. */
static void broken_uploads(void **state)
{
	static const char head[] =
		"POST /v1/in HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nonly this";
	int before = atomic_load(&ended_broken), opened = atomic_load(&begun), fd;
	char more[1];

	(void)state;
	for (int i = 0; i < 20; i++) {
		fd = client_connect();
		assert_true(client_send(fd, head, strlen(head)));
		wait_for(&begun, ++opened);
		close(fd);
	}
	wait_for(&ended_broken, before + 20);
	fd = client_connect();
	assert_true(client_send(fd, head, strlen(head)));
	wait_for(&ended_broken, before + 21);
	assert_true(read(fd, more, 1) <= 0);
	close(fd);
	assert_int_equal(
		atomic_load(&begun), atomic_load(&ended_whole) + atomic_load(&ended_broken));
}

/* Longer than the idle time-out, in the handler and in data(): the answer comes all the same. */
static void slow_handlers(void **state)
{
	struct answer a = { 0 };
	uint64_t sum;
	char *body = pattern(40000000, &sum), head[128];
	int fd;

	(void)state;
	client_ask(&a, "POST", "/v1/sleep?ms=2600", "");
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "{\"slept\": 2600}\n");
	fd = client_connect();
	snprintf(head, sizeof(head),
		"POST /v1/in?slow HTTP/1.1\r\nHost: t\r\nContent-Length: 40000000\r\n\r\n");
	assert_true(client_send(fd, head, strlen(head)));
	assert_true(client_send(fd, body, 40000000));
	assert_true(client_read(fd, &a));
	assert_sum(&a, 40000000, sum);
	close(fd);
	free(body);
	answer_deinit(&a);
}

#define CLIENTS 8
#define EACH 2000

static void *client(void *arg)
{
	struct answer a = { 0 };
	char text[512];
	int fd = client_connect();

	(void)arg;
	snprintf(text, sizeof(text),
		"POST /v1/in HTTP/1.1\r\nHost: t\r\nContent-Length: 250\r\n\r\n%250s", "x");
	for (int i = 0; i < EACH; i++) {
		if (!client_send(fd, text, strlen(text)) || !client_read(fd, &a) || a.status != 200)
			fail_msg("request %d", i);
	}
	close(fd);
	answer_deinit(&a);
	return NULL;
}

static void eight_clients(void **state)
{
	pthread_t threads[CLIENTS];
	uint64_t begin_us = clock_mono_us(), us;

	(void)state;
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&threads[i], NULL, client, NULL);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	us = clock_mono_us() - begin_us;
	print_message("%d requests of 8 clients: %.0f a second\n", CLIENTS * EACH,
		CLIENTS * EACH * 1e6 / (double)us);
}

/* A stop lets the call under way end and answer, and shuts the silent ones. */
static void *stopper(void *arg)
{
	usleep(200000);
	api_close(api);
	api = NULL;
	return arg;
}

static void stop_under_load(void **state)
{
	static const char head[] =
		"POST /v1/in HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nhalf";
	struct answer a = { 0 };
	int idle = client_connect(), half = client_connect(), broken = atomic_load(&ended_broken);
	pthread_t thread;
	char more[1];

	(void)state;
	assert_true(client_send(half, head, strlen(head)));
	pthread_create(&thread, NULL, stopper, NULL);
	client_ask(&a, "POST", "/v1/sleep?ms=700", "");
	assert_int_equal(a.status, 200);
	assert_true(read(idle, more, 1) <= 0);
	pthread_join(thread, NULL);
	wait_for(&ended_broken, broken + 1);
	assert_int_equal(client_connect(), -1);
	close(idle);
	close(half);
	answer_deinit(&a);
	setup(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_size),
		cmocka_unit_test(chunked),
		cmocka_unit_test(expect_continue),
		cmocka_unit_test(refused_uploads),
		cmocka_unit_test(broken_uploads),
		cmocka_unit_test(slow_handlers),
		cmocka_unit_test(eight_clients),
		cmocka_unit_test(stop_under_load),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
