/* Takes the place of libsodium's sealing in a collector built for one test (-Wl,--wrap): what
 * should be sealed lies open, in the same length. The search for personal values must find it. */
#include <stdint.h>
#include <string.h>

#define SEAL_BYTES 48

int __wrap_crypto_box_seal(
	uint8_t *c, const uint8_t *m, unsigned long long n, const uint8_t *public_key);

int __wrap_crypto_box_seal(
	uint8_t *c, const uint8_t *m, unsigned long long n, const uint8_t *public_key)
{
	(void)public_key;
	memset(c, 0, SEAL_BYTES);
	memcpy(c + SEAL_BYTES, m, n);
	return 0;
}
