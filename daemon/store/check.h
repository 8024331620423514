/* Is a data file whole, as far as its structure goes? LMDB has no checksums and believes every byte
 * that it maps: a flipped bit in a page would be a crash or a silent loss. So the file is walked
 * before LMDB sees it. Values are not judged: their owners hash them. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

/* `fd` open for reading, nobody writing. 0, ERR_DAMAGED, ERR_IO, ERR_NOMEM; words in m. Files above
 * 4 GiB: leaves are passed over, so that a start stays a matter of seconds. */
MUST_CHECK int check_file(int fd, struct errmsg *m);

/* The number of the commit that a first page is of; false when it is none. At least 256 bytes. */
bool check_commit(const uint8_t *page, uint64_t *commit);

#endif
