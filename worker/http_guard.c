#include "worker/http_guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "bus/url.h"
#include "schemas/base64.h"

enum { HOST_CHARS = 255 };

static void release_file(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

static bool is_visible(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

bool http_guard_read(const char *path, struct http_guard *out, struct err *e)
{
    ON_EXIT(release_file) FILE *file = NULL;
    char line[TOKEN_MAX_CHARS + 3] = "";
    struct stat st;

    out->token[0] = '\0';
    if (path[0] == '\0')
        return true;
    file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &st) != 0)
        return err_set(e, ERR_CONFIG, "http_token_file %s: %s", path, strerror(errno));
    if ((st.st_mode & 07) != 0)
        return err_set(e, ERR_CONFIG, "http_token_file %s may be read by others: chmod o= it", path);
    (void)!fgets(line, sizeof(line), file);
    line[strcspn(line, "\r\n")] = '\0';
    if (strlen(line) < TOKEN_MIN_CHARS || strlen(line) > TOKEN_MAX_CHARS || !is_visible(line))
        return err_set(e, ERR_CONFIG, "http_token_file %s: its first line must be %d to %d visible characters", path,
                       TOKEN_MIN_CHARS, TOKEN_MAX_CHARS);
    strcpy(out->token, line);
    return true;
}

/* The time it takes depends on what was given, and on how long the token is, which is no secret. */
static bool is_token(const struct http_guard *guard, const char *given, size_t len)
{
    size_t wanted = strlen(guard->token);
    unsigned differs = len != wanted;

    for (size_t i = 0; i < len; i++)
        differs |= (unsigned char)given[i] ^ (unsigned char)guard->token[i % wanted];
    return differs == 0;
}

/* "user:password" in base64: RFC 7617. */
static bool is_basic(const struct http_guard *guard, const char *encoded)
{
    char text[TOKEN_MAX_CHARS + 256], *colon;
    size_t len;
    bool ok;

    if (!base64_read(encoded, strlen(encoded), (uint8_t *)text, sizeof(text), &len))
        return false;
    colon = memchr(text, ':', len);
    ok = colon != NULL && is_token(guard, colon + 1, len - (size_t)(colon + 1 - text));
    wipe(text, sizeof(text));
    return ok;
}

static bool is_authorized(const struct http_guard *guard, const char *authorization)
{
    static const char bearer[] = "Bearer ", basic[] = "Basic ";

    if (authorization == NULL)
        return false;
    if (strncasecmp(authorization, bearer, strlen(bearer)) == 0)
        return is_token(guard, authorization + strlen(bearer), strlen(authorization + strlen(bearer)));
    return strncasecmp(authorization, basic, strlen(basic)) == 0 && is_basic(guard, authorization + strlen(basic));
}

/* "name", "name:port" or "[v6]:port". */
static bool is_here(const char *host)
{
    bool is_bracketed = host[0] == '[';
    const char *at = is_bracketed ? host + 1 : host;
    size_t len = strcspn(at, is_bracketed ? "]" : ":");
    char name[HOST_CHARS + 1];

    if (len > HOST_CHARS)
        return false;
    memcpy(name, at, len);
    name[len] = '\0';
    return url_host_is_loopback(name);
}

bool http_guard_admits(const struct http_guard *guard, const char *authorization, const char *host)
{
    if (guard->token[0] != '\0')
        return is_authorized(guard, authorization);
    return host == NULL || is_here(host);
}
