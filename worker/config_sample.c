#include "worker/config_options.h"

#include <string.h>

#include "schemas/version.h"

/* What is accepted, in brackets behind what it is: nothing for text. */
static void print_choice(const struct option *o, FILE *to)
{
    if (o->type == OPTION_WHOLE)
        fprintf(to, " [%lld to %lld]", (long long)o->min, (long long)o->max);
    for (size_t i = 0; o->type == OPTION_WORD && o->words[i] != NULL; i++)
        fprintf(to, "%s%s%s", i == 0 ? " [" : ", ", o->words[i], o->words[i + 1] == NULL ? "]" : "");
}

static void print_option(const struct option *o, FILE *to)
{
    fprintf(to, "\n; %s", o->doc);
    print_choice(o, to);
    fprintf(to, "\n;%s =%s%s\n", o->key, o->preset[0] == '\0' ? "" : " ", o->preset);
}

/* A [senders] that names nobody is refused: where it is wanted, somebody is, too. */
static void print_section(const char *section, FILE *to)
{
    fprintf(to, "\n%s[%s]\n", strcmp(section, "senders") == 0 ? ";" : "", section);
}

void config_print_sample(FILE *to)
{
    const char *section = "";

    fprintf(to, "; The configuration of keyferryd %s: every option there is, with its default.\n", KEYFERRY_VERSION);
    fputs("; What it needs is url and, at the end, one [host.<UUID>] or more, or hosts_dir. keyferry.conf(5) says all "
          "about it.\n",
          to);
    for (size_t i = 0; i < option_count; i++) {
        if (strcmp(section, options[i].section) != 0)
            print_section(options[i].section, to);
        section = options[i].section;
        print_option(&options[i], to);
    }
    fputs("\n; A host that is served; /sys/class/dmi/id/product_uuid is what libvirt takes for its UUID.\n"
          ";[host.<UUID>]\n"
          "\n; where its libvirt is\n"
          ";libvirt_uri = qemu:///system\n",
          to);
}
