#include "bus/outbox.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>

enum { PAGE_BYTES = 16 * 1024 };

struct outbox_page {
    struct outbox_page *next;
    size_t used, size;
    uint8_t bytes[];
};

static void page_free(struct outbox_page *page)
{
    wipe(page->bytes, page->used);
    free(page);
}

static struct outbox_page *page_add(struct outbox *outbox, size_t len)
{
    size_t size = len > PAGE_BYTES ? len : PAGE_BYTES;
    struct outbox_page *page = outbox->failed ? NULL : malloc(sizeof(*page) + size);

    if (page == NULL) {
        outbox->failed = true;
        return NULL;
    }
    *page = (struct outbox_page){.size = size};
    if (outbox->last != NULL)
        outbox->last->next = page;
    else
        outbox->first = page;
    outbox->last = page;
    return page;
}

uint8_t *outbox_reserve(struct outbox *outbox, size_t len)
{
    struct outbox_page *page = outbox->last;

    if (page == NULL && outbox->flush != NULL)
        event_active(outbox->flush, 0, 0);
    if (page == NULL || page->size - page->used < len)
        page = page_add(outbox, len);
    return page == NULL ? NULL : page->bytes + page->used;
}

void outbox_commit(struct outbox *outbox, size_t len)
{
    outbox->last->used += len;
}

static struct outbox_page *page_take(struct outbox *outbox)
{
    struct outbox_page *page = outbox->first;

    if (page != NULL)
        outbox->first = page->next;
    if (outbox->first == NULL)
        outbox->last = NULL;
    return page;
}

static void page_sent(const void *bytes, size_t len, void *page)
{
    (void)bytes;
    (void)len;
    page_free(page);
}

bool outbox_flush(struct outbox *outbox, struct evbuffer *to)
{
    for (struct outbox_page *page; (page = page_take(outbox)) != NULL;) {
        if (page->used == 0 || evbuffer_add_reference(to, page->bytes, page->used, page_sent, page) != 0) {
            outbox->failed |= page->used != 0;
            page_free(page);
        }
    }
    return !outbox->failed;
}

void outbox_clear(struct outbox *outbox)
{
    for (struct outbox_page *page; (page = page_take(outbox)) != NULL;)
        page_free(page);
    outbox->failed = false;
}
