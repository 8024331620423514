/* Key files: one key a file in keys_dir (0600), or a systemd credential of the same name, which
 * wins. */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "daemon/base/err.h"
#include "proto/text.h"

#define KEY_TEXT_MAX 128
/* Reads keys_dir/NAME (or $CREDENTIALS_DIRECTORY/NAME), without white space at the end,
 * NUL-terminated. ERR_NOTFOUND, ERR_DENIED (others may read the file), ERR_INVALID. Wipe `out`
 * after use. */
MUST_CHECK int key_read(
	const char *keys_dir, const char *name, char out[KEY_TEXT_MAX], struct errmsg *m);
/* Makes keys_dir/NAME with mode 0600; never overwrites: ERR_EXISTS. Durable when it returns. */
MUST_CHECK int key_write(
	const char *keys_dir, const char *name, const char *text, struct errmsg *m);

#endif
