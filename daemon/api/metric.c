/* Prometheus text. HELP and TYPE are written when the last line in the buffer is no sample of the
 * same name: nothing needs to be remembered beside the buffer. */
#include <math.h>

#include "daemon/api/api.h"

static bool last_line_is_of(const struct buf *out, const char *name)
{
	size_t n = strlen(name), at = out->n;

	if (!at)
		return false;
	for (at--; at && out->p[at - 1] != '\n';)
		at--;
	return out->n - at > n && memcmp(out->p + at, name, n) == 0 &&
	       (out->p[at + n] == '{' || out->p[at + n] == ' ');
}

void metric(struct buf *out, const char *name, const char *type, const char *help,
	const char *labels, double value)
{
	if (out->failed)
		return;
	if (!last_line_is_of(out, name))
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
	buf_str(out, name);
	if (labels && labels[0])
		buf_printf(out, "{%s}", labels);
	if (isnan(value))
		buf_str(out, " NaN\n");
	else if (isinf(value))
		buf_str(out, value > 0 ? " +Inf\n" : " -Inf\n");
	else if (fabs(value) < 9007199254740992.0 && floor(value) == value)
		buf_printf(out, " %.0f\n", value);
	else
		buf_printf(out, " %.9g\n", value);
}
