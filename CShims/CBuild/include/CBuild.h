// What is known of this build, told by whoever made it: `Tests/run build` asks git and passes it on
// in the environment of SwiftPM (Package.swift, "The build"). Empty where nobody said.

#pragma once

// The commit, as `git describe` writes it.
const char *mizu_build_commit(void);

// Where the checkout was cloned from.
const char *mizu_build_origin(void);
