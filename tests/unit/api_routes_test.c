/* Matching, arguments, methods, the list, the forms of a table, errors, and hostile requests. */
#include "api_client.h"
#include "daemon/base/clock.h"

static struct api *api;
static int context = 42;

static void echo(struct api_call *call)
{
	assert_ptr_equal(api_context(call), &context);
	api_json(call, json_pack("{s:s?, s:s?, s:s?, s:b}", "form", api_arg(call, "form"), "period",
			       api_arg(call, "period"), "area", api_arg(call, "area"), "all",
			       api_flag(call, "all")));
}

static void number(struct api_call *call)
{
	uint64_t n;

	if (api_number(call, "n", 5, 1, 100, &n))
		api_json(call, json_integer((json_int_t)n));
}

static const struct api_column columns[] = {
	{ "name", "名称", "name", API_TEXT },
	{ "n", "数", "number", API_INT },
	{ "money", "金额", "money", API_DECIMAL },
};

static void table(struct api_call *call)
{
	struct api_table *t = api_table(call, columns, 3);

	if (api_flag(call, "empty")) {
		api_table_end(t);
		return;
	}
	api_cell_str(t, "plain");
	api_cell_int(t, -7);
	api_cell_printf(t, "%d.50", 12);
	api_cell_str(t, "=1+1, \"x\"\n");
	api_cell_str(t, NULL);
	api_cell_str(t, "-3.10");
	api_cell(t, (struct text){ "\xff"
				   "上海",
			    7 });
	api_cell_str(t, "010");
	api_cell_str(t, "");
	api_note(t, "%d rows", 3);
	api_set_exit(call, 1);
	api_table_end(t);
}

static void unfinished(struct api_call *call)
{
	struct api_table *t = api_table(call, columns, 3);

	api_cell_str(t, "half");
}

static void twice(struct api_call *call)
{
	api_json(call, json_string("first"));
	api_fail(call, 500, "second");
}

static void file(struct api_call *call)
{
	char path[] = "/tmp/api_file_XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	assert_int_equal(write(fd, "a,b\r\n", 5), 5);
	lseek(fd, 0, SEEK_SET);
	api_file(call, "text/csv", fd);
}

static const struct api_route routes[] = {
	{ .method = "GET",
		.path = "/v1/forms/{form}",
		.command = "form show FORM",
		.query = "period! area all?",
		.help_en = "Shows \"it\".",
		.help_zh = "显示。",
		.right = RIGHT_VIEWER,
		.handle = echo,
		.context = &context },
	{ .method = "POST",
		.path = "/v1/forms/{form}",
		.right = RIGHT_ADMIN,
		.handle = number,
		.query = "n" },
	{ .method = "GET", .path = "/v1/table", .query = "empty?", .handle = table },
	{ .method = "GET", .path = "/v1/number", .query = "n", .handle = number },
	{ .method = "GET", .path = "/v1/unfinished", .handle = unfinished },
	{ .method = "GET", .path = "/v1/twice", .handle = twice },
	{ .method = "GET", .path = "/v1/file", .handle = file },
};
#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static int setup(void **state)
{
	struct api_conf conf = { .name = "test", .version = "0", .idle_s = 2 };
	struct errmsg m;

	(void)state;
	server_dir_make();
	conf.socket = server_socket;
	if (api_open(&api, &conf, routes, N_ROUTES, &m))
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

static void expect(
	const char *method, const char *path, const char *headers, int status, const char *body)
{
	struct answer a = { 0 };

	client_ask(&a, method, path, headers);
	if (a.status != status || (body && strcmp(a.body, body) != 0))
		fail_msg("%s %s: %d %s", method, path, a.status, a.body);
	answer_deinit(&a);
}

static void arguments(void **state)
{
	(void)state;
	expect("GET", "/v1/forms/02?period=2019", "", 200,
		"{\"form\": \"02\", \"period\": \"2019\", \"area\": null, \"all\": false}\n");
	/* a variable may hold an encoded slash; + is a space in the query only */
	expect("GET", "/v1/forms/a%2Fb+c%20%E4%B8%8A?period=a+b%2B&all&area=%26", "", 200,
		"{\"form\": \"a/b+c 上\", \"period\": \"a b+\", \"area\": \"&\", \"all\": true}\n");
	expect("GET", "/v1/forms/02?period=2019&all=1", "", 200, NULL);
	expect("GET", "/v1/forms/02", "", 400,
		"{\"error\": \"the parameter 'period' is missing; /v1/forms/{form} takes: period! "
		"area all?\"}\n");
	expect("GET", "/v1/forms/02?period=2019&colour=red", "", 400,
		"{\"error\": \"unknown parameter 'colour'; /v1/forms/{form} takes: period! area "
		"all?\"}\n");
	expect("GET", "/v1/forms/02?period=1&period=2", "", 400,
		"{\"error\": \"the parameter 'period' stands twice; give it once\"}\n");
	expect("GET", "/v1/forms/02?period=1&all=no", "", 400, NULL);
	expect("GET", "/v1/forms/02?period=%zz", "", 400, NULL);
	expect("GET", "/v1/forms/02?period=%00", "", 400, NULL);
	expect("GET", "/v1/forms/02?period=%ff", "", 400, NULL);
	expect("GET", "/v1/forms/%", "", 400, NULL);
	expect("GET", "/v1/forms/%00", "", 400, NULL);
	expect("GET", "/v1/number", "", 200, "5\n");
	expect("GET", "/v1/number?n=100", "", 200, "100\n");
	expect("GET", "/v1/number?n=101", "", 400,
		"{\"error\": \"the parameter 'n' must be a whole number from 1 to 100\"}\n");
	expect("GET", "/v1/number?n=-1", "", 400, NULL);
	expect("GET", "/v1/number?n=", "", 400, NULL);
	expect("GET", "/v1/number?n=99999999999999999999", "", 400, NULL);
}

static void methods_and_paths(void **state)
{
	struct answer a = { 0 };

	(void)state;
	expect("GET", "/", "", 404, "{\"error\": \"no such path; GET /v1/ lists them\"}\n");
	expect("GET", "/v1", "", 404, NULL);
	expect("GET", "/v1/forms/", "", 404, NULL);
	expect("GET", "/v1/forms/02/03", "", 404, NULL);
	expect("GET", "/v1/forms/1/2/3/4/5/6/7/8/9/10", "", 404, NULL);
	expect("GET", "/v1/../v1/table", "", 404, NULL);
	expect("GET", "//v1/table", "", 404, NULL);
	client_ask(&a, "DELETE", "/v1/forms/02", "");
	assert_int_equal(a.status, 405);
	assert_non_null(strstr(a.headers, "Allow: GET, POST\r\n"));
	expect("POST", "/v1/forms/02?n=3", "", 200, "3\n");
	expect("BREW", "/v1/table", "", 405, NULL);
	client_ask(&a, "GET", "/v1/file", "");
	assert_string_equal(a.body, "a,b\r\n");
	answer_deinit(&a);
	expect("GET", "/v1/unfinished", "", 500, NULL);
	expect("GET", "/v1/twice", "", 200, "\"first\"\n");
}

static void listing(void **state)
{
	struct answer a = { 0 };
	json_t *all, *row;

	(void)state;
	client_ask(&a, "GET", "/v1/", "");
	all = json_loads(a.body, JSON_REJECT_DUPLICATES, NULL);
	assert_string_equal(json_string_value(json_object_get(all, "name")), "test");
	assert_int_equal(json_array_size(json_object_get(all, "routes")), N_ROUTES + 1);
	row = json_array_get(json_object_get(all, "routes"), 1);
	assert_string_equal(json_string_value(json_object_get(row, "path")), "/v1/forms/{form}");
	assert_string_equal(json_string_value(json_object_get(row, "right")), "viewer");
	assert_string_equal(json_string_value(json_object_get(row, "command")), "form show FORM");
	assert_string_equal(json_string_value(json_object_get(row, "query")), "period! area all?");
	assert_string_equal(json_string_value(json_object_get(row, "help_en")), "Shows \"it\".");
	assert_true(json_is_false(json_object_get(row, "upload")));
	assert_true(json_is_null(
		json_object_get(json_array_get(json_object_get(all, "routes"), 2), "command")));
	json_decref(all);
	answer_deinit(&a);
}

static void tables(void **state)
{
	struct answer a = { 0 };

	(void)state;
	client_ask(&a, "GET", "/v1/table", "");
	assert_string_equal(a.body,
		"[\n{\"name\": \"plain\", \"n\": -7, \"money\": 12.50},\n"
		"{\"name\": \"=1+1, \\\"x\\\"\\n\", \"n\": null, \"money\": -3.10},\n"
		"{\"name\": \"\xef\xbf\xbd上海\", \"n\": \"010\", \"money\": null}\n]\n");
	assert_non_null(strstr(a.headers, "Tally-Exit: 1\r\n"));
	client_ask(&a, "GET", "/v1/table", "Accept: text/csv\r\n");
	assert_non_null(strstr(a.headers, "Content-Type: text/csv; charset=utf-8\r\n"));
	assert_string_equal(a.body,
		"name,n,money\r\nplain,-7,12.50\r\n\"'=1+1, \"\"x\"\"\n\",,-3.10\r\n"
		"\xef\xbf\xbd上海,010,\r\n");
	client_ask(&a, "GET", "/v1/table",
		"Accept: application/vnd.tally.table+json, application/json;q=0.5\r\n");
	assert_string_equal(a.body,
		"{\"columns\": [{\"name\": \"name\", \"zh\": \"名称\", \"en\": \"name\", "
		"\"right\": false}, "
		"{\"name\": \"n\", \"zh\": \"数\", \"en\": \"number\", \"right\": true}, "
		"{\"name\": \"money\", \"zh\": \"金额\", \"en\": \"money\", \"right\": "
		"true}],\n\"rows\": [\n"
		"[\"plain\", \"-7\", \"12.50\"],\n[\"=1+1, \\\"x\\\"\\n\", \"\", \"-3.10\"],\n"
		"[\"\xef\xbf\xbd上海\", \"010\", \"\"]\n],\n\"notes\": [\"3 rows\"]}\n");
	expect("GET", "/v1/table?empty", "", 200, "[\n]\n");
	expect("GET", "/v1/table?empty", "Accept: text/csv\r\n", 200, "name,n,money\r\n");
	answer_deinit(&a);
}

static void keep_alive(void **state)
{
	static const char request[] = "GET /v1/number HTTP/1.1\r\nHost: t\r\n\r\n";
	struct answer a = { 0 };
	int fd = client_connect();

	(void)state;
	for (int i = 0; i < 50; i++) {
		assert_true(client_send(fd, request, strlen(request)));
		assert_true(client_read(fd, &a));
		assert_int_equal(a.status, 200);
	}
	/* two at once */
	assert_true(client_send(fd, request, strlen(request)) &&
		    client_send(fd, request, strlen(request)));
	assert_true(client_read(fd, &a) && client_read(fd, &a));
	close(fd);
	answer_deinit(&a);
}

/* Whatever is sent, the next honest request is answered. */
static void hostile(void **state)
{
	static const char *const bad[] = { "\r\n\r\n", "GET\r\n\r\n", "GET /v1/table\r\n\r\n",
		"GET /v1/table HTTP/9.9\r\nHost: t\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"GET /v1/table HTTP/1.1\r\nHost: t\r\nContent-Length: -5\r\n\r\n",
		"GET /v1/table HTTP/1.1\r\nHost: t\r\nContent-Length: "
		"99999999999999999999999\r\n\r\n",
		"POST /v1/forms/1 HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /v1/forms/1 HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: "
		"chunked\r\n\r\nffffffffffffffffff\r\n",
		"POST /v1/forms/1 HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello",
		"GET  /v1/table  HTTP/1.1\r\n\r\n" };
	struct answer a = { 0 };
	char noise[512];
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fd = client_connect();
		client_send(fd, bad[i], strlen(bad[i]));
		shutdown(fd, SHUT_WR);
		client_read(fd, &a);
		close(fd);
		expect("GET", "/v1/number", "", 200, "5\n");
	}
	for (int i = 0; i < 200; i++) {
		size_t n = 1 + random_below(sizeof(noise) - 1);

		random_bytes(noise, n);
		fd = client_connect();
		client_send(fd, noise, n);
		client_send(fd, "\r\n\r\n", 4);
		shutdown(fd, SHUT_WR);
		client_read(fd, &a);
		close(fd);
	}
	expect("GET", "/v1/number", "", 200, "5\n");
	answer_deinit(&a);
}

static void huge_headers(void **state)
{
	struct answer a = { 0 };
	struct buf request = { 0 };
	int fd = client_connect();

	(void)state;
	buf_str(&request, "GET /v1/number HTTP/1.1\r\nHost: t\r\n");
	for (int i = 0; i < 20000; i++)
		buf_printf(&request, "X-%d: %050d\r\n", i, i);
	client_send(fd, request.p, request.n);
	assert_true(!client_read(fd, &a) || a.status >= 400);
	close(fd);
	buf_reset(&request);
	buf_str(&request, "GET /v1/forms/");
	for (int i = 0; i < 100000; i++)
		buf_str(&request, "x");
	buf_str(&request, " HTTP/1.1\r\nHost: t\r\n\r\n");
	fd = client_connect();
	client_send(fd, request.p, request.n);
	assert_true(!client_read(fd, &a) || a.status >= 400);
	close(fd);
	buf_deinit(&request);
	answer_deinit(&a);
	expect("GET", "/v1/number", "", 200, "5\n");
}

/* More silent connections than the limit: what is above it is closed at once, the silent ones end
 * by themselves, and the socket serves again. */
static void silent_crowd(void **state)
{
	static const char request[] = "GET /v1/number HTTP/1.1\r\nHost: t\r\n\r\n";
	struct answer a = { 0 };
	int fds[80], tries = 0;
	bool served = false;

	(void)state;
	for (size_t i = 0; i < 80; i++)
		fds[i] = client_connect();
	for (; !served && tries < 100; tries++) {
		int fd = client_connect();

		served = client_send(fd, request, strlen(request)) && client_read(fd, &a);
		close(fd);
		usleep(served ? 0 : 100000);
	}
	assert_true(served && tries > 1);
	for (size_t i = 0; i < 80; i++)
		close(fds[i]);
	answer_deinit(&a);
}

static void metrics(void **state)
{
	struct buf out = { 0 };

	(void)state;
	metric(&out, "tally_a", "gauge", "A.", NULL, 1);
	metric(&out, "tally_b", "counter", "B.", "x=\"1\"", 12345678901.0);
	metric(&out, "tally_b", "counter", "B.", "x=\"2\"", 0.25);
	metric(&out, "tally_bb", "gauge", "BB.", NULL, -3);
	assert_string_equal(out.p,
		"# HELP tally_a A.\n# TYPE tally_a gauge\ntally_a 1\n"
		"# HELP tally_b B.\n# TYPE tally_b counter\ntally_b{x=\"1\"} 12345678901\n"
		"tally_b{x=\"2\"} 0.25\n"
		"# HELP tally_bb BB.\n# TYPE tally_bb gauge\ntally_bb -3\n");
	buf_reset(&out);
	api_metrics(api, &out);
	assert_non_null(strstr(out.p, "\ntally_api_answers_total{kind=\"refused\"} "));
	buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments),
		cmocka_unit_test(methods_and_paths),
		cmocka_unit_test(listing),
		cmocka_unit_test(tables),
		cmocka_unit_test(keep_alive),
		cmocka_unit_test(hostile),
		cmocka_unit_test(huge_headers),
		cmocka_unit_test(silent_crowd),
		cmocka_unit_test(metrics),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
