/* The version of every program of tally. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define TALLY_VERSION "0.1.0"

#endif
