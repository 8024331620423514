/* Fuzz: a configuration file, against the settings that every daemon has. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/run/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(void *arg, const char *section, const char *title, const char *name,
	const char *value, const char *source)
{
	size_t *sum = arg;

	(void)section, (void)title;
	*sum += strlen(name) + strlen(value) + strlen(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf;
	struct errmsg m = { 0 };
	char path[64];
	size_t sum = 0;
	int fd = memfd_create("conf", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		__builtin_trap();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (conf_open(&conf, path, daemon_conf_rows, DAEMON_CONF_ROWS_N, &m) == 0) {
		conf_each(conf, look, &sum);
		conf_close(conf);
	} else if (!m.text[0]) {
		__builtin_trap(); /* a refusal without words */
	}
	close(fd);
	return 0;
}
