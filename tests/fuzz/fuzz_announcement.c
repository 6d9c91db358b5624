/*
 * Any bytes as what a worker of the pool announces: what is accepted is written as it
 * came, but for the blanks between its words.
 */
#include "tests/fuzz/fuzz.h"

#include "worker/members.h"

static void check_round_trip(const struct announcement *what)
{
    size_t room = ANNOUNCEMENT_BYTES(what->bytes * 8);
    struct announcement again;
    char *text = malloc(room);

    MUST(text != NULL);
    announcement_write(what, text, room);
    MUST(strlen(text) + 1 < room);
    MUST(announcement_read((const uint8_t *)text, strlen(text), &again));
    MUST(again.pid == what->pid && again.word == what->word && strcmp(again.queues, what->queues) == 0);
    MUST(again.bytes == what->bytes && memcmp(again.consuming, what->consuming, what->bytes) == 0);
    free(again.consuming);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct members members = {0};
    struct announcement what;

    if (!announcement_read(data, size, &what))
        return 0;
    MUST(what.pid > 0 && strlen(what.queues) == DIGEST_CHARS && what.bytes * 8 <= MEMBER_QUEUES_MAX);
    check_round_trip(&what);
    (void)members_note(&members, "a", &what, 1);
    for (size_t i = 0; members.count > 0 && i < size * 4; i++)
        (void)member_consumes(&members.list[0], i);
    members_done(&members);
    return 0;
}
