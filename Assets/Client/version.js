// Written by `make assets` from the content of the client's files: do not edit.

export const version = "0.1.0-d6062802b07c";
