// The WAL and the database, written again through SQLite's own files: a descriptor of ours would
// take SQLite's locks with it when it is closed (fcntl(2)). A checkpoint that SQLite has cut short,
// because more came meanwhile, has not synced the database, and SQLite never copies those frames
// again.
#include "Mend.h"

#include <stdlib.h>
#include <string.h>

// sqlite.org/fileformat2.html, §4.1: numbers are big-endian.
enum { WAL_HEADER = 32, WAL_SALT = 16, FRAME_HEADER = 24, FRAME_SALT = 8, SALT = 8 };
// At once: the largest page, and less than SQLite's files take (17 bits).
enum { PIECE = 1 << 16 };

struct frame {
    uint32_t page, index;
};

// One of a connection's files; NULL where it is not open.
static sqlite3_file *file_of(sqlite3 *connection, int which) {
    sqlite3_file *file = NULL;
    if (sqlite3_file_control(connection, "main", which, &file) != SQLITE_OK) return NULL;
    return file && file->pMethods ? file : NULL;
}

static int read_at(sqlite3_file *file, void *bytes, size_t count, uint64_t offset) {
    return file->pMethods->xRead(file, bytes, (int)count, (sqlite3_int64)offset);
}

static int write_at(sqlite3_file *file, const void *bytes, size_t count, uint64_t offset) {
    return file->pMethods->xWrite(file, bytes, (int)count, (sqlite3_int64)offset);
}

static uint32_t number(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

int csqlite_wal_round(sqlite3 *connection, uint64_t *round) {
    sqlite3_file *wal = file_of(connection, SQLITE_FCNTL_JOURNAL_POINTER);
    *round = 0;
    return wal ? read_at(wal, round, sizeof *round, WAL_SALT) : SQLITE_NOTFOUND;
}

static int rewrite_wal(sqlite3_file *wal, sqlite3_int64 size, unsigned char *piece) {
    for (sqlite3_int64 at = 0; at < size; at += PIECE) {
        size_t count = size - at < PIECE ? (size_t)(size - at) : PIECE;
        int code = read_at(wal, piece, count, (uint64_t)at);
        if (code == SQLITE_OK) code = write_at(wal, piece, count, (uint64_t)at);
        if (code != SQLITE_OK) return code;
    }
    return SQLITE_OK;
}

static int by_page(const void *left, const void *right) {
    const struct frame *one = left, *other = right;
    if (one->page != other->page) return one->page < other->page ? -1 : 1;
    return one->index < other->index ? -1 : one->index > other->index;
}

// Writes the last version of each page in `frames` to the database.
static int rewrite_pages(sqlite3_file *database, sqlite3_file *wal, struct frame *frames,
                         uint32_t count, size_t page_size, unsigned char *page) {
    qsort(frames, count, sizeof *frames, by_page);
    for (uint32_t i = 0; i < count; i++) {
        if (i + 1 < count && frames[i + 1].page == frames[i].page) continue;
        uint64_t at = WAL_HEADER + (uint64_t)frames[i].index * (FRAME_HEADER + page_size);
        int code = read_at(wal, page, page_size, at + FRAME_HEADER);
        if (code == SQLITE_OK)
            code = write_at(database, page, page_size, (uint64_t)(frames[i].page - 1) * page_size);
        if (code != SQLITE_OK) return code;
    }
    return SQLITE_OK;
}

static int rewrite_database(sqlite3_file *database, sqlite3_file *wal, sqlite3_int64 size,
                            uint64_t round, uint32_t count, unsigned char *piece) {
    unsigned char header[WAL_HEADER];
    if (size < WAL_HEADER) return SQLITE_OK;
    int code = read_at(wal, header, sizeof header, 0);
    // Begun anew since: what was copied was synced before that.
    if (code != SQLITE_OK || memcmp(header + WAL_SALT, &round, SALT)) return code;
    size_t page_size = number(header + 8) == 1 ? 65536 : number(header + 8);
    if (page_size < 512 || page_size > PIECE) return SQLITE_CORRUPT;
    uint64_t all = (uint64_t)(size - WAL_HEADER) / (FRAME_HEADER + page_size);
    if (count > all) count = (uint32_t)all;
    struct frame *frames = malloc((count ? count : 1) * sizeof *frames);
    if (!frames) return SQLITE_NOMEM;
    for (uint32_t i = 0; i < count && code == SQLITE_OK; i++) {
        unsigned char frame[FRAME_HEADER];
        code = read_at(wal, frame, sizeof frame,
                       WAL_HEADER + (uint64_t)i * (FRAME_HEADER + page_size));
        if (code != SQLITE_OK) break;
        frames[i] = (struct frame){.page = number(frame), .index = i};
        if (memcmp(frame + FRAME_SALT, &round, SALT) || !frames[i].page) code = SQLITE_CORRUPT;
    }
    if (code == SQLITE_OK) code = rewrite_pages(database, wal, frames, count, page_size, piece);
    free(frames);
    return code;
}

int csqlite_mend(sqlite3 *connection, uint64_t round, uint32_t count) {
    sqlite3_file *wal = file_of(connection, SQLITE_FCNTL_JOURNAL_POINTER);
    sqlite3_file *database = file_of(connection, SQLITE_FCNTL_FILE_POINTER);
    if (!wal || !database) return SQLITE_OK;
    sqlite3_int64 size = 0;
    int code = wal->pMethods->xFileSize(wal, &size);
    if (code != SQLITE_OK) return code;
    unsigned char *piece = malloc(PIECE);
    if (!piece) return SQLITE_NOMEM;
    code = rewrite_wal(wal, size, piece);
    if (code == SQLITE_OK && count > 0)
        code = rewrite_database(database, wal, size, round, count, piece);
    free(piece);
    return code;
}
