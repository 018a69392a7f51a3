#pragma once

/* What Linux and glibc offer only under _GNU_SOURCE, which Swift's Glibc module does not define. */

#include <pthread.h>
#include <sys/types.h>
#include <time.h>

int renameat2(int, const char *, int, const char *, unsigned int);
int pthread_setname_np(pthread_t, const char *);
int syncfs(int);
char *strptime(const char *, const char *, struct tm *);

static const unsigned int CLINUX_RENAME_NOREPLACE = 1;
static const int CLINUX_F_SETLEASE = 1024;
static const int CLINUX_O_TMPFILE = 020000000 | 0200000; /* includes O_DIRECTORY */
