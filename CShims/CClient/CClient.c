// Written by `make assets` from Assets/Client: do not edit.
// Each array ends with a zero byte that its count leaves out.

#include "CClient.h"

#if __has_include("../packed/packed.h")
#include "../packed/packed.h"
#else
#define PACKED_ASSETS
#endif

static const unsigned char joined[] = {
#embed "mizu.js" suffix(, 0)
};

static const unsigned char part_1[] = {
#embed "../../Assets/Client/applier-check.js" suffix(, 0)
};

static const unsigned char part_2[] = {
#embed "../../Assets/Client/applier-watch.js" suffix(, 0)
};

static const unsigned char part_3[] = {
#embed "../../Assets/Client/back-off.js" suffix(, 0)
};

static const unsigned char part_4[] = {
#embed "../../Assets/Client/checksum.js" suffix(, 0)
};

static const unsigned char part_5[] = {
#embed "../../Assets/Client/device.js" suffix(, 0)
};

static const unsigned char part_6[] = {
#embed "../../Assets/Client/durable-storage.js" suffix(, 0)
};

static const unsigned char part_7[] = {
#embed "../../Assets/Client/edit-saver.js" suffix(, 0)
};

static const unsigned char part_8[] = {
#embed "../../Assets/Client/exchange.js" suffix(, 0)
};

static const unsigned char part_9[] = {
#embed "../../Assets/Client/follower.js" suffix(, 0)
};

static const unsigned char part_10[] = {
#embed "../../Assets/Client/frame.js" suffix(, 0)
};

static const unsigned char part_11[] = {
#embed "../../Assets/Client/indexed-storage.js" suffix(, 0)
};

static const unsigned char part_12[] = {
#embed "../../Assets/Client/journal.js" suffix(, 0)
};

static const unsigned char part_13[] = {
#embed "../../Assets/Client/kept-edits.js" suffix(, 0)
};

static const unsigned char part_14[] = {
#embed "../../Assets/Client/lanes.js" suffix(, 0)
};

static const unsigned char part_15[] = {
#embed "../../Assets/Client/lease.js" suffix(, 0)
};

static const unsigned char part_16[] = {
#embed "../../Assets/Client/link.js" suffix(, 0)
};

static const unsigned char part_17[] = {
#embed "../../Assets/Client/live-client.js" suffix(, 0)
};

static const unsigned char part_18[] = {
#embed "../../Assets/Client/local-store.js" suffix(, 0)
};

static const unsigned char part_19[] = {
#embed "../../Assets/Client/memory-storage.js" suffix(, 0)
};

static const unsigned char part_20[] = {
#embed "../../Assets/Client/mizu.js" suffix(, 0)
};

static const unsigned char part_21[] = {
#embed "../../Assets/Client/mutation-queue.js" suffix(, 0)
};

static const unsigned char part_22[] = {
#embed "../../Assets/Client/occasions.js" suffix(, 0)
};

static const unsigned char part_23[] = {
#embed "../../Assets/Client/passkey-page.js" suffix(, 0)
};

static const unsigned char part_24[] = {
#embed "../../Assets/Client/passkeys.js" suffix(, 0)
};

static const unsigned char part_25[] = {
#embed "../../Assets/Client/random-id.js" suffix(, 0)
};

static const unsigned char part_26[] = {
#embed "../../Assets/Client/reachability.js" suffix(, 0)
};

static const unsigned char part_27[] = {
#embed "../../Assets/Client/replay.js" suffix(, 0)
};

static const unsigned char part_28[] = {
#embed "../../Assets/Client/replica.js" suffix(, 0)
};

static const unsigned char part_29[] = {
#embed "../../Assets/Client/request-gate.js" suffix(, 0)
};

static const unsigned char part_30[] = {
#embed "../../Assets/Client/rounds.js" suffix(, 0)
};

static const unsigned char part_31[] = {
#embed "../../Assets/Client/scope-list.js" suffix(, 0)
};

static const unsigned char part_32[] = {
#embed "../../Assets/Client/session.js" suffix(, 0)
};

static const unsigned char part_33[] = {
#embed "../../Assets/Client/set-aside.js" suffix(, 0)
};

static const unsigned char part_34[] = {
#embed "../../Assets/Client/snapshot.js" suffix(, 0)
};

static const unsigned char part_35[] = {
#embed "../../Assets/Client/spread.js" suffix(, 0)
};

static const unsigned char part_36[] = {
#embed "../../Assets/Client/state-check.js" suffix(, 0)
};

static const unsigned char part_37[] = {
#embed "../../Assets/Client/storage.js" suffix(, 0)
};

static const unsigned char part_38[] = {
#embed "../../Assets/Client/sync-client.js" suffix(, 0)
};

static const unsigned char part_39[] = {
#embed "../../Assets/Client/sync-core.js" suffix(, 0)
};

static const unsigned char part_40[] = {
#embed "../../Assets/Client/sync-hub.js" suffix(, 0)
};

static const unsigned char part_41[] = {
#embed "../../Assets/Client/sync-machine.js" suffix(, 0)
};

static const unsigned char part_42[] = {
#embed "../../Assets/Client/sync-status.js" suffix(, 0)
};

static const unsigned char part_43[] = {
#embed "../../Assets/Client/transaction.js" suffix(, 0)
};

static const unsigned char part_44[] = {
#embed "../../Assets/Client/turn.js" suffix(, 0)
};

static const unsigned char part_45[] = {
#embed "../../Assets/Client/verdict.js" suffix(, 0)
};

static const unsigned char part_46[] = {
#embed "../../Assets/Client/version.js" suffix(, 0)
};

static const unsigned char part_47[] = {
#embed "../../Assets/Client/view.js" suffix(, 0)
};

static const unsigned char part_48[] = {
#embed "../../Assets/Client/who.js" suffix(, 0)
};

static const mizu_client_file files[] = {
    {"mizu.js", joined, sizeof joined - 1},
    {"parts/applier-check.js", part_1, sizeof part_1 - 1},
    {"parts/applier-watch.js", part_2, sizeof part_2 - 1},
    {"parts/back-off.js", part_3, sizeof part_3 - 1},
    {"parts/checksum.js", part_4, sizeof part_4 - 1},
    {"parts/device.js", part_5, sizeof part_5 - 1},
    {"parts/durable-storage.js", part_6, sizeof part_6 - 1},
    {"parts/edit-saver.js", part_7, sizeof part_7 - 1},
    {"parts/exchange.js", part_8, sizeof part_8 - 1},
    {"parts/follower.js", part_9, sizeof part_9 - 1},
    {"parts/frame.js", part_10, sizeof part_10 - 1},
    {"parts/indexed-storage.js", part_11, sizeof part_11 - 1},
    {"parts/journal.js", part_12, sizeof part_12 - 1},
    {"parts/kept-edits.js", part_13, sizeof part_13 - 1},
    {"parts/lanes.js", part_14, sizeof part_14 - 1},
    {"parts/lease.js", part_15, sizeof part_15 - 1},
    {"parts/link.js", part_16, sizeof part_16 - 1},
    {"parts/live-client.js", part_17, sizeof part_17 - 1},
    {"parts/local-store.js", part_18, sizeof part_18 - 1},
    {"parts/memory-storage.js", part_19, sizeof part_19 - 1},
    {"parts/mizu.js", part_20, sizeof part_20 - 1},
    {"parts/mutation-queue.js", part_21, sizeof part_21 - 1},
    {"parts/occasions.js", part_22, sizeof part_22 - 1},
    {"parts/passkey-page.js", part_23, sizeof part_23 - 1},
    {"parts/passkeys.js", part_24, sizeof part_24 - 1},
    {"parts/random-id.js", part_25, sizeof part_25 - 1},
    {"parts/reachability.js", part_26, sizeof part_26 - 1},
    {"parts/replay.js", part_27, sizeof part_27 - 1},
    {"parts/replica.js", part_28, sizeof part_28 - 1},
    {"parts/request-gate.js", part_29, sizeof part_29 - 1},
    {"parts/rounds.js", part_30, sizeof part_30 - 1},
    {"parts/scope-list.js", part_31, sizeof part_31 - 1},
    {"parts/session.js", part_32, sizeof part_32 - 1},
    {"parts/set-aside.js", part_33, sizeof part_33 - 1},
    {"parts/snapshot.js", part_34, sizeof part_34 - 1},
    {"parts/spread.js", part_35, sizeof part_35 - 1},
    {"parts/state-check.js", part_36, sizeof part_36 - 1},
    {"parts/storage.js", part_37, sizeof part_37 - 1},
    {"parts/sync-client.js", part_38, sizeof part_38 - 1},
    {"parts/sync-core.js", part_39, sizeof part_39 - 1},
    {"parts/sync-hub.js", part_40, sizeof part_40 - 1},
    {"parts/sync-machine.js", part_41, sizeof part_41 - 1},
    {"parts/sync-status.js", part_42, sizeof part_42 - 1},
    {"parts/transaction.js", part_43, sizeof part_43 - 1},
    {"parts/turn.js", part_44, sizeof part_44 - 1},
    {"parts/verdict.js", part_45, sizeof part_45 - 1},
    {"parts/version.js", part_46, sizeof part_46 - 1},
    {"parts/view.js", part_47, sizeof part_47 - 1},
    {"parts/who.js", part_48, sizeof part_48 - 1},
    PACKED_ASSETS
};

const size_t mizu_client_files_count = sizeof files / sizeof files[0];
mizu_client_file mizu_client_file_at(size_t index) { return files[index]; }

const char *mizu_client_version(void) { return "0.1.0-7a1f879d8b8a"; }
const char *mizu_client_map(void) { return "{\"imports\":{\"mizu\":\"/_mizu/0.1.0-7a1f879d8b8a/mizu.js\",\"mizu/\":\"/_mizu/0.1.0-7a1f879d8b8a/parts/\"}}"; }
const char *mizu_client_map_hash(void) { return "sha256-7VvRznFQPpmUjX1vvnXZr7+qqOXMNIzFpBTJ9KDuO/4="; }
const char *mizu_client_dev_map(void) { return "{\"imports\":{\"mizu\":\"/_mizu/dev/parts/mizu.js\",\"mizu/\":\"/_mizu/dev/parts/\"}}"; }
const char *mizu_client_dev_map_hash(void) { return "sha256-JTPn5jGvEHOGU8q2rqxVEMNm/SwO9U/dU0Mv6Gbld3c="; }
