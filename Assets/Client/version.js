// Written by `make assets` from the content of the client's files: do not edit.

export const version = "0.1.0-7a1f879d8b8a";
