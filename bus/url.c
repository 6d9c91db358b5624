#include "bus/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PORT_MAX = 65535 };

/* A stretch of the text, not terminated. */
struct span {
    const char *at;
    size_t len;
};

static struct span span_trimmed(const char *at, size_t len)
{
    for (; len > 0 && (*at == ' ' || *at == '\t'); len--)
        at++;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    return (struct span){at, len};
}

/* Cut `rest` at the first `mark`: what was before it; `rest` keeps what is after. Without a mark: false. */
static bool span_cut(struct span *rest, char mark, struct span *before)
{
    const char *at = rest->len == 0 ? NULL : memchr(rest->at, mark, rest->len);

    if (at == NULL)
        return false;
    *before = (struct span){rest->at, (size_t)(at - rest->at)};
    *rest = (struct span){at + 1, rest->len - before->len - 1};
    return true;
}

static bool span_skip(struct span *rest, const char *prefix)
{
    size_t len = strlen(prefix);

    if (rest->len < len || strncasecmp(rest->at, prefix, len) != 0)
        return false;
    *rest = (struct span){rest->at + len, rest->len - len};
    return true;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* One character, percent-decoded (RFC 3986, 2.1). False: not a character, or a NUL. */
static bool char_read(struct span *text, char *out)
{
    char c = text->at[0];
    size_t used = 1;

    if (c == '%') {
        int high = text->len < 3 ? -1 : hex_digit(text->at[1]);
        int low = text->len < 3 ? -1 : hex_digit(text->at[2]);
        if (high < 0 || low < 0)
            return false;
        c = (char)(high << 4 | low);
        used = 3;
    }
    *text = (struct span){text->at + used, text->len - used};
    *out = c;
    return c != '\0';
}

static bool text_read(struct span text, const char *what, char out[SHORTSTR_MAX_CHARS + 1], struct err *e)
{
    size_t len = 0;

    while (text.len > 0) {
        if (len == SHORTSTR_MAX_CHARS)
            return err_set(e, ERR_CONFIG, "its %s is longer than %d bytes", what, SHORTSTR_MAX_CHARS);
        if (!char_read(&text, &out[len++]))
            return err_set(e, ERR_CONFIG, "its %s has a '%%' that is not followed by two hex digits of a character",
                           what);
    }
    out[len] = '\0';
    return true;
}

static bool login_read(struct span login, struct url *out, struct err *e)
{
    struct span user = login;
    struct span password = {"", 0};

    if (span_cut(&login, ':', &user))
        password = login;
    return text_read(user, "user name", out->user, e) && text_read(password, "password", out->password, e);
}

static bool port_read(struct span text, uint16_t *out, struct err *e)
{
    unsigned port = 0;

    for (size_t i = 0; i < text.len && port <= PORT_MAX; i++)
        port = text.at[i] < '0' || text.at[i] > '9' ? PORT_MAX + 1 : port * 10 + (unsigned)(text.at[i] - '0');
    if (port == 0 || port > PORT_MAX)
        return err_set(e, ERR_CONFIG, "its port is not a number from 1 to %d", PORT_MAX);
    *out = (uint16_t)port;
    return true;
}

/* An IPv6 address stands in brackets (RFC 3986, 3.2.2). */
static bool host_split(struct span address, struct span *host, struct span *port, struct err *e)
{
    bool bracketed = span_skip(&address, "[");

    *host = address;
    *port = (struct span){NULL, 0};
    if (bracketed && !span_cut(&address, ']', host))
        return err_set(e, ERR_CONFIG, "its host has a '[' without a ']'");
    if (bracketed && address.len > 0 && address.at[0] != ':')
        return err_set(e, ERR_CONFIG, "its host is followed by something other than ':' and a port");
    if (bracketed ? address.len > 0 : span_cut(&address, ':', host))
        *port = bracketed ? (struct span){address.at + 1, address.len - 1} : address;
    return true;
}

static bool host_is_clean(struct span host)
{
    for (size_t i = 0; i < host.len; i++)
        if (host.at[i] <= ' ' || host.at[i] >= 0x7f || strchr("%:[]?#@", host.at[i]) != NULL)
            return false;
    return true;
}

static bool address_read(struct span address, struct url *out, struct err *e)
{
    bool bracketed = address.len > 0 && address.at[0] == '[';
    struct span host, port;

    if (!host_split(address, &host, &port, e))
        return false;
    if (host.len == 0 || host.len > HOST_MAX_CHARS)
        return err_set(e, ERR_CONFIG, "it has no host, or one of more than %d characters", HOST_MAX_CHARS);
    if (!bracketed && !host_is_clean(host))
        return err_set(e, ERR_CONFIG, "its host has a character that no host name has");
    memcpy(out->host, host.at, host.len);
    out->host[host.len] = '\0';
    if (bracketed && inet_pton(AF_INET6, out->host, &(struct in6_addr){0}) != 1)
        return err_set(e, ERR_CONFIG, "its host in brackets is not an IPv6 address");
    return port.at == NULL || port_read(port, &out->port, e);
}

static bool scheme_read(struct span *text, struct url *out, struct err *e)
{
    static const struct {
        const char *text;
        bool tls;
        uint16_t port;
    } schemes[] = {{"amqp://", false, 5672}, {"amqps://", true, 5671}};

    for (size_t i = 0; i < COUNT(schemes); i++) {
        if (!span_skip(text, schemes[i].text))
            continue;
        out->tls = schemes[i].tls;
        out->port = schemes[i].port;
        return true;
    }
    return err_set(e, ERR_CONFIG, "it does not begin with amqp:// or amqps://");
}

static bool url_read(struct span text, struct url *out, struct err *e)
{
    struct span login, address = text;

    *out = (struct url){.user = "guest", .password = "guest", .vhost = "/"};
    if (!scheme_read(&text, out, e))
        return false;
    if (text.len > 0 && (memchr(text.at, '?', text.len) != NULL || memchr(text.at, '#', text.len) != NULL))
        return err_set(e, ERR_CONFIG,
                       "it has a '?' or '#': options have keys of their own, and in a password "
                       "they are written %%3F and %%23");

    bool has_path = span_cut(&text, '/', &address);
    if (!has_path)
        address = text;
    out->has_login = span_cut(&address, '@', &login);
    if (out->has_login && !login_read(login, out, e))
        return false;
    if (!address_read(address, out, e))
        return false;
    return !has_path || text.len == 0 || text_read(text, "vhost", out->vhost, e);
}

static bool password_set(struct url *url, const char *password, struct err *e)
{
    if (password == NULL)
        return true;
    if (strlen(password) > SHORTSTR_MAX_CHARS)
        return err_set(e, ERR_CONFIG, "the password is longer than %d bytes", SHORTSTR_MAX_CHARS);
    snprintf(url->password, sizeof(url->password), "%s", password);
    return true;
}

static size_t urls_count(const char *text)
{
    size_t count = 1;

    for (; *text != '\0'; text++)
        count += *text == ',';
    return count;
}

bool url_list_read(const char *text, const char *password, struct url_list *out, struct err *e)
{
    ON_EXIT(url_list_done) struct url_list list = {.count = urls_count(text)};

    if (list.count > URLS_MAX)
        return err_set(e, ERR_CONFIG, "there are more than %d broker URLs", URLS_MAX);
    list.urls = calloc(list.count, sizeof(*list.urls));
    if (list.urls == NULL)
        return err_set(e, ERR_LOCAL, "no memory for the broker URLs");

    for (size_t i = 0; i < list.count; i++) {
        size_t len = strcspn(text, ",");
        struct err why;
        if (!url_read(span_trimmed(text, len), &list.urls[i], &why) || !password_set(&list.urls[i], password, &why))
            return err_set(e, ERR_CONFIG, "broker URL %zu of %zu: %s", i + 1, list.count, why.text);
        text += len + 1;
    }
    *out = (struct url_list){.urls = TAKE(list.urls), .count = list.count};
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool url_list_add(char *list, size_t size, const char *line)
{
    size_t used = strlen(list), more = 0;

    while (line[more] != '\0' && !(line[more] == ';' && more > 0 && is_blank(line[more - 1])))
        more++;
    while (more > 0 && is_blank(line[more - 1]))
        more--;
    if (used + more + 2 > size)
        return false;
    if (used != 0 && list[used - 1] != ',' && more != 0)
        list[used++] = ',';
    memcpy(list + used, line, more);
    list[used + more] = '\0';
    return true;
}

void url_list_done(struct url_list *list)
{
    if (list->urls != NULL)
        wipe(list->urls, list->count * sizeof(*list->urls));
    free(list->urls);
    *list = (struct url_list){0};
}

bool url_host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return memcmp(&v6, &in6addr_loopback, sizeof(v6)) == 0;
    return strcasecmp(host, "localhost") == 0;
}

bool url_list_is_loopback(const struct url_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!url_host_is_loopback(list->urls[i].host))
            return false;
    return true;
}

void url_name(const struct url *url, char *out, size_t size)
{
    bool is_v6 = strchr(url->host, ':') != NULL;

    snprintf(out, size, is_v6 ? "[%s]:%u" : "%s:%u", url->host, url->port);
}
