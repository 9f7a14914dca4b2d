/* SPDX-License-Identifier: MIT */
/* The version of the program and of its guest. */
#pragma once

#define CPLZ_VERSION "0.1.0"
/* How every request of ours introduces itself: what has no name is turned away by edges (DESIGN). */
#define CPLZ_USER_AGENT "continueplz/" CPLZ_VERSION
