// Written by `make assets` from the content of the client's files: do not edit.

export const version = "0.1.0-33e7d074a763";
