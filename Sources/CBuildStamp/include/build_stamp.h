#pragma once

/* The commit that this was built from, with + when files had been changed; empty when nobody told. */
const char *build_commit(void);
