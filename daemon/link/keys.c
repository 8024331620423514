/* CURVE key pairs. The secret half is drawn by libzmq from libsodium's random bytes. */
#include "daemon/link/link.h"

#include <zmq.h>

void link_keys_make(struct link_keys *k)
{
	if (zmq_curve_keypair(k->public_key, k->secret_key) != 0)
		memset(k, 0, sizeof *k); /* a libzmq without CURVE: link_net_open says so */
}

int link_keys_public(struct link_keys *k)
{
	uint8_t raw[32];
	char out[41];

	memset(k->public_key, 0, sizeof k->public_key);
	if (memchr(k->secret_key, 0, sizeof k->secret_key) != k->secret_key + 40)
		return ERR_INVALID;
	bool good = zmq_z85_decode(raw, k->secret_key) != NULL;
	explicit_bzero(raw, sizeof raw);
	if (!good || zmq_curve_public(out, k->secret_key) != 0)
		return ERR_INVALID;
	memcpy(k->public_key, out, sizeof out);
	return 0;
}
