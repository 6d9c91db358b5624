/*
 * Any text as the list of brokers. What is accepted is written out again in full
 * and read again the same; what is refused is not quoted, whichever part of it was
 * meant for a password: wherever the input has a byte 0xff stands a text that no
 * error has of itself.
 */
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "bus/url.h"
#include "schemas/text.h"

#define HIDDEN "h1dd3n"

static char *with_hidden(const uint8_t *data, size_t size)
{
    char *text = malloc(size * strlen(HIDDEN) + 1), *to = text;

    MUST(text != NULL);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == 0xff)
            to = stpcpy(to, HIDDEN);
        else
            *to++ = (char)data[i];
    }
    *to = '\0';
    return text;
}

static void put_encoded(FILE *to, const char *text)
{
    for (; *text != '\0'; text++)
        fprintf(to, "%%%02X", (unsigned char)*text);
}

static void put_url(FILE *to, const struct url *url)
{
    char name[HOST_MAX_CHARS + 16];

    fputs(url->tls ? "AMQPS://" : "amqp://", to);
    if (url->has_login) {
        put_encoded(to, url->user);
        fputc(':', to);
        put_encoded(to, url->password);
        fputc('@', to);
    }
    url_name(url, name, sizeof(name));
    fprintf(to, "%s/", name);
    put_encoded(to, url->vhost);
}

static void check_url(const struct url *url)
{
    MUST(url->host[0] != '\0' && url->port != 0 && url->vhost[0] != '\0');
    MUST(strpbrk(url->host, "%/[]?#@, \t") == NULL);
    MUST(strchr(url->host, ':') == NULL || inet_pton(AF_INET6, url->host, &(struct in6_addr){0}) == 1);
    MUST(url->has_login || (strcmp(url->user, "guest") == 0 && strcmp(url->password, "guest") == 0));
}

static void check_accepted(const struct url_list *list)
{
    struct url_list again;
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    struct err e;

    MUST(list->count >= 1 && list->count <= URLS_MAX);
    for (size_t i = 0; i < list->count; i++) {
        check_url(&list->urls[i]);
        fputs(i == 0 ? "" : " ,\t", to);
        put_url(to, &list->urls[i]);
    }
    fclose(to);
    MUST(url_list_read(text, NULL, &again, &e));
    MUST(again.count == list->count && memcmp(again.urls, list->urls, list->count * sizeof(*list->urls)) == 0);
    MUST(url_list_is_loopback(&again) == url_list_is_loopback(list));
    url_list_done(&again);
    free(text);
}

/* One password for all takes the place of their own, and changes nothing else. */
static void check_password(const char *text, const struct url_list *list)
{
    struct url_list again;
    struct err e;

    MUST(url_list_read(text, "another", &again, &e) && again.count == list->count);
    for (size_t i = 0; i < list->count; i++) {
        MUST(strcmp(again.urls[i].password, "another") == 0);
        MUST(strcmp(again.urls[i].user, list->urls[i].user) == 0 &&
             strcmp(again.urls[i].host, list->urls[i].host) == 0);
    }
    url_list_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct url_list list;
    char *text = with_hidden(data, size);
    struct err e;

    if (url_list_read(text, NULL, &list, &e)) {
        check_accepted(&list);
        check_password(text, &list);
        url_list_done(&list);
    } else {
        MUST(e.kind == ERR_CONFIG && e.text[0] != '\0' && text_is_plain(e.text, strlen(e.text)));
        MUST(strstr(e.text, HIDDEN) == NULL);
    }
    free(text);
    return 0;
}
