/*
 * Any bytes as the configuration file. What is accepted is printed without any
 * URL's password as a file that is good itself and means the same, and the CLI
 * reads of it the same way to the broker. Of what is refused nothing is left.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bus/url.h"
#include "cli/settings.h"
#include "schemas/text.h"
#include "worker/config.h"

static int file = -1;
static char path[32];

static void write_file(const void *data, size_t size)
{
    if (file < 0) {
        file = memfd_create("config", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
        setenv("KEYFERRY_BUS_PASSWORD", "x", 1); /* or the CLI would open password_file, whatever that is */
    }
    MUST(file >= 0 && ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
}

static void check_refusal(const struct config *config, const struct err *e)
{
    const unsigned char *bytes = (const unsigned char *)config;

    MUST(e->kind == ERR_CONFIG && text_is_plain(e->text, strlen(e->text)));
    MUST(strncmp(e->text, path, strlen(path)) == 0 && e->text[strlen(path)] == ':');
    for (size_t i = 0; i < sizeof(*config); i++)
        MUST(bytes[i] == 0);
}

/* The same brokers, but for passwords, which are gone. */
static void check_urls(const char *urls, const char *printed)
{
    struct url_list list, again;
    struct err e;

    MUST(url_list_read(urls, NULL, &list, &e) && url_list_read(printed, NULL, &again, &e));
    MUST(list.count == again.count);
    for (size_t i = 0; i < list.count; i++) {
        const struct url *a = &list.urls[i], *b = &again.urls[i];

        MUST(a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0);
        MUST(a->has_login == b->has_login && strcmp(a->user, b->user) == 0 && strcmp(a->vhost, b->vhost) == 0);
        MUST(strcmp(b->password, b->has_login ? "" : "guest") == 0);
    }
    url_list_done(&list);
    url_list_done(&again);
}

static void check_senders(const struct senders *a, const struct senders *b)
{
    MUST(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct sender *one = &a->list[i], *other = &b->list[i];

        MUST(strcmp(one->user, other->user) == 0 && one->is_prefix == other->is_prefix && one->role == other->role);
        MUST(one->serves_any == other->serves_any && one->host_count == other->host_count);
        for (size_t h = 0; h < one->host_count; h++)
            MUST(uuid_equal(&one->hosts[h], &other->hosts[h]));
        MUST(one->host_count > 0 || one->serves_any == (one->role == ROLE_PEER));
    }
}

static char *print(const struct config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    config_print(config, to);
    fclose(to);
    return text;
}

static void check_print(const struct config *config)
{
    char *text = print(config), *again_text;
    struct config again;
    struct err e;

    write_file(text, strlen(text));
    MUST(config_read(path, &again, &e));
    again_text = print(&again);
    MUST(strcmp(text, again_text) == 0);
    check_urls(config->urls, again.urls);
    check_senders(&config->senders, &again.senders);
    MUST(config->host_count == again.host_count && config->trust.key_count == again.trust.key_count);
    MUST(config->trust.pins.count == again.trust.pins.count);
    config_done(&again);
    free(again_text);
    free(text);
}

/* The CLI looks for the broker in a worker's file. */
static void check_cli(const struct config *config)
{
    const struct options options = {.config_path = path};
    struct settings settings;
    struct url_list list, theirs;
    struct err e;

    MUST(settings_read(&options, &settings, &e));
    MUST(strcmp(settings.exchange, config->exchange) == 0);
    MUST(strcmp(settings.reply_exchange, config->reply_exchange) == 0);
    MUST(strcmp(settings.ca_file, config->ca_file) == 0 && strcmp(settings.cert_file, config->cert_file) == 0);
    MUST(strcmp(settings.key_file, config->key_file) == 0);
    MUST(strcmp(settings.events_exchange, config->events_exchange) == 0);
    MUST(settings.is_classic == (config->queue_type == QUEUE_CLASSIC));
    MUST(settings.host_count == config->host_count);
    for (size_t i = 0; i < config->host_count; i++)
        MUST(uuid_equal(&settings.hosts[i], &config->hosts[i].uuid));
    MUST((strcmp(settings.sasl, "external") == 0) == (config->sasl == SASL_EXTERNAL));
    MUST(url_list_read(config->urls, NULL, &list, &e) && url_list_read(settings.urls, NULL, &theirs, &e));
    MUST(list.count == theirs.count && memcmp(list.urls, theirs.urls, list.count * sizeof(*list.urls)) == 0);
    url_list_done(&list);
    url_list_done(&theirs);
    settings_done(&settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char folder[] = "hosts_dir"; /* whatever there is in it is no part of the input */
    struct config config;
    struct err e;

    if (memmem(data, size, folder, strlen(folder)) != NULL)
        return 0;
    write_file(data, size);
    memset(&config, 0xee, sizeof(config));
    if (!config_read(path, &config, &e)) {
        check_refusal(&config, &e);
        return 0;
    }
    MUST(config.host_count >= 1 && config.urls[0] != '\0' && config.name[0] != '\0');
    check_cli(&config);
    check_print(&config);
    config_done(&config);
    return 0;
}
