#include "bus/outgoing.h"

#include "bus/wire.h"
#include "schemas/text.h"

#include <stdlib.h>
#include <string.h>

enum { TEXTS = 6 };

/* All texts of a publication, to be handled alike. */
static void texts_of(struct publication *p, const char **texts[TEXTS])
{
    const char **all[TEXTS] = {&p->exchange,   &p->routing_key,    &p->content_type,
                               &p->message_id, &p->correlation_id, &p->reply_to};

    memcpy(texts, all, sizeof(all));
}

/* Bytes of the headers' texts with their ends, and in *count how many texts. */
static size_t headers_bytes(const char *const *headers, size_t *count)
{
    size_t bytes = 0, n = 0;

    for (; headers != NULL && headers[n] != NULL; n++)
        bytes += strlen(headers[n]) + 1;
    *count = n;
    return bytes;
}

static bool headers_fit(const char *const *headers, struct err *e)
{
    enum { OVERHEAD = 4 }; /* a name's length, the type, the text's length: 6, less the two ends counted */
    size_t count, bytes = headers_bytes(headers, &count);

    if (count % 2 != 0 || count / 2 > HEADER_PAIRS_MAX || bytes + count / 2 * OVERHEAD > HEADERS_MAX_BYTES)
        return err_set(e, ERR_LOCAL, "the headers of a publication are more than %d bytes or %d pairs",
                       HEADERS_MAX_BYTES, HEADER_PAIRS_MAX);
    for (size_t i = 0; i < count; i += 2)
        if (strlen(headers[i]) > SHORTSTR_MAX_CHARS)
            return err_set(e, ERR_LOCAL, "the name of a header is longer than %d bytes", SHORTSTR_MAX_CHARS);
    return true;
}

static bool texts_fit(struct publication *p, size_t *bytes, struct err *e)
{
    const char **texts[TEXTS];

    texts_of(p, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t len = *texts[i] == NULL ? 0 : strlen(*texts[i]);
        if (len > SHORTSTR_MAX_CHARS)
            return err_set(e, ERR_LOCAL, "a name or id of a publication is longer than %d bytes", SHORTSTR_MAX_CHARS);
        *bytes += len + 1;
    }
    return true;
}

static const char *text_keep(char **at, const char *text)
{
    char *kept = *at;
    size_t size = strlen(text) + 1;

    memcpy(kept, text, size);
    *at += size;
    return kept;
}

/* Copy what `p` points to into `at`: first the headers' pointers, for alignment. */
static void contents_keep(struct publication *p, size_t header_count, char *at)
{
    const char **headers = (const char **)(void *)at;
    const char **texts[TEXTS];

    at += (header_count + 1) * sizeof(*headers);
    for (size_t i = 0; i < header_count; i++)
        headers[i] = text_keep(&at, p->headers[i]);
    headers[header_count] = NULL;
    p->headers = headers;

    texts_of(p, texts);
    for (size_t i = 0; i < TEXTS; i++)
        *texts[i] = text_keep(&at, *texts[i] == NULL ? "" : *texts[i]);
    if (p->body_bytes > 0)
        memcpy(at, p->body, p->body_bytes);
    p->body = (const uint8_t *)at;
}

static void outgoing_tell(struct tray_item *item, struct bus_news *news)
{
    struct outgoing *o = (struct outgoing *)((char *)item - offsetof(struct outgoing, item));

    news->event = BUS_PUBLISHED;
    news->number = o->number;
    news->how = o->how;
    news->code = o->code;
    text_copy(news->text, sizeof(news->text), o->text);
    outgoing_free(o);
}

bool outgoing_new(const struct publication *publication, struct outgoing **out, struct err *e)
{
    struct publication copy = *publication;
    size_t header_count, bytes = headers_bytes(copy.headers, &header_count);

    if (!headers_fit(copy.headers, e) || !texts_fit(&copy, &bytes, e))
        return false;
    bytes += (header_count + 1) * sizeof(char *) + copy.body_bytes;
    struct outgoing *o = malloc(sizeof(*o) + bytes);
    if (o == NULL)
        return err_set(e, ERR_LOCAL, "no memory for a publication");
    memset(o, 0, sizeof(*o));
    o->bytes = bytes;
    contents_keep(&copy, header_count, o->memory);
    o->publication = copy;
    o->item.tell = outgoing_tell;
    *out = o;
    return true;
}

void outgoing_free(struct outgoing *outgoing)
{
    if (outgoing == NULL)
        return;
    wipe(outgoing->memory, outgoing->bytes);
    free(outgoing);
}
