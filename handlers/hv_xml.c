#include "handlers/hv_xml.h"

#include <libxml/parser.h>
#include <libxml/xmlwriter.h>
#include <stdlib.h>
#include <string.h>

/* No XML_PARSE_NOENT, no DTD option, no XML_PARSE_HUGE: nothing is fetched, substituted or unlimited. */
enum { PARSE_OPTIONS = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT };

static void release_doc(xmlDoc **doc)
{
    xmlFreeDoc(*doc);
}

static void release_text(xmlChar **text)
{
    xmlFree(*text);
}

static void release_buffer(xmlBuffer **buffer)
{
    xmlBufferFree(*buffer);
}

static void release_writer(xmlTextWriter **writer)
{
    if (*writer != NULL)
        xmlFreeTextWriter(*writer);
}

static bool is_called(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

/* The document, if its root is called `root`; else NULL. The caller's, to be freed with xmlFreeDoc(). */
static xmlDoc *doc_read(const char *xml, const char *root)
{
    ON_EXIT(release_doc) xmlDoc *doc = NULL;
    size_t len = strlen(xml);

    if (len > INT32_MAX)
        return NULL;
    doc = xmlReadMemory(xml, (int)len, NULL, NULL, PARSE_OPTIONS);
    if (doc == NULL || doc->intSubset != NULL || xmlDocGetRootElement(doc) == NULL)
        return NULL;
    return is_called(xmlDocGetRootElement(doc), root) ? TAKE(doc) : NULL;
}

/* The first element of this name among `node` and what follows it, or NULL. */
static xmlNode *find_from(xmlNode *node, const char *name)
{
    while (node != NULL && !is_called(node, name))
        node = node->next;
    return node;
}

static xmlNode *find_child(xmlNode *parent, const char *name)
{
    return parent == NULL ? NULL : find_from(parent->children, name);
}

static bool attribute_is(xmlNode *node, const char *name, const char *wanted)
{
    ON_EXIT(release_text) xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);

    return value != NULL && strcmp((const char *)value, wanted) == 0;
}

/* "" where it does not fit: a longer one is not ours. */
static void copy_content(const xmlNode *node, char *out, size_t room)
{
    ON_EXIT(release_text) xmlChar *text = node == NULL ? NULL : xmlNodeGetContent(node);
    size_t len = text == NULL ? 0 : strlen((const char *)text);

    if (len >= room)
        len = 0;
    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
}

bool secret_xml_read(const char *xml, struct hv_secret *out)
{
    ON_EXIT(release_doc) xmlDoc *doc = doc_read(xml, "secret");
    xmlNode *secret;

    if (doc == NULL)
        return false;
    secret = xmlDocGetRootElement(doc);
    out->is_ours_in_form = attribute_is(secret, "ephemeral", "yes") && attribute_is(secret, "private", "yes");
    copy_content(find_child(secret, "description"), out->description, sizeof(out->description));
    return true;
}

static bool is_uuid(const char *text, const struct uuid *uuid)
{
    struct uuid parsed;

    return uuid_parse(text, strlen(text), &parsed) && uuid_equal(&parsed, uuid);
}

static bool element_names(const xmlNode *node, const struct uuid *uuid, const char *usage_id)
{
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next) {
        ON_EXIT(release_text) xmlChar *value = xmlNodeGetContent((const xmlNode *)attr);

        if (value == NULL)
            continue;
        if (is_uuid((const char *)value, uuid))
            return true;
        if (usage_id != NULL && strcmp((const char *)attr->name, "usage") == 0 &&
            strcmp((const char *)value, usage_id) == 0)
            return true;
    }
    return false;
}

/* The node after this one in document order, without recursion: depth is the sender's to choose. */
static const xmlNode *next_node(const xmlNode *node)
{
    if (node->type == XML_ELEMENT_NODE && node->children != NULL)
        return node->children;
    while (node != NULL && node->next == NULL)
        node = node->parent;
    return node == NULL ? NULL : node->next;
}

bool domain_xml_names(const char *xml, const struct uuid *uuid, const char *usage_id, bool *out)
{
    ON_EXIT(release_doc) xmlDoc *doc = doc_read(xml, "domain");
    bool named = false;

    if (doc == NULL)
        return false;
    for (const xmlNode *node = xmlDocGetRootElement(doc); node != NULL && !named; node = next_node(node))
        named = node->type == XML_ELEMENT_NODE && element_names(node, uuid, usage_id);
    *out = named;
    return true;
}

static void element_tell(const xmlNode *node, hv_name *tell, void *arg)
{
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next) {
        ON_EXIT(release_text) xmlChar *value = xmlNodeGetContent((const xmlNode *)attr);
        struct uuid uuid;

        if (value == NULL)
            continue;
        if (uuid_parse((const char *)value, strlen((const char *)value), &uuid))
            tell(arg, &uuid, NULL);
        if (strcmp((const char *)attr->name, "usage") == 0)
            tell(arg, NULL, (const char *)value);
    }
}

bool domain_xml_each_name(const char *xml, hv_name *tell, void *arg)
{
    ON_EXIT(release_doc) xmlDoc *doc = doc_read(xml, "domain");

    if (doc == NULL)
        return false;
    for (const xmlNode *node = xmlDocGetRootElement(doc); node != NULL; node = next_node(node))
        if (node->type == XML_ELEMENT_NODE)
            element_tell(node, tell, arg);
    return true;
}

/* <tpm><backend><encryption secret='UUID'/></backend></tpm> */
static bool tpm_read(xmlNode *tpm, struct hv_tpm *out)
{
    xmlNode *encryption = find_child(find_child(tpm, "backend"), "encryption");
    ON_EXIT(release_text) xmlChar *secret = NULL;

    out->present = true;
    if (encryption == NULL)
        return true;
    out->encrypted = true;
    secret = xmlGetNoNsProp(encryption, (const xmlChar *)"secret");
    return secret != NULL && uuid_parse((const char *)secret, strlen((const char *)secret), &out->secret_uuid);
}

bool domain_xml_tpm(const char *xml, bool *live, struct hv_tpm *out)
{
    ON_EXIT(release_doc) xmlDoc *doc = doc_read(xml, "domain");
    struct hv_tpm found = {0};
    xmlNode *domain, *tpm;

    if (doc == NULL)
        return false;
    domain = xmlDocGetRootElement(doc);
    tpm = find_child(find_child(domain, "devices"), "tpm");
    /* Only a pseries guest may have two, and its "tpm-spapr-proxy" is never encrypted. */
    for (; tpm != NULL; tpm = find_from(tpm->next, "tpm"))
        if (!tpm_read(tpm, &found))
            return false;
    *live = xmlHasProp(domain, (const xmlChar *)"id") != NULL;
    *out = found;
    return true;
}

/* What libvirt calls the element that holds the usage id. */
static const struct {
    const char *type, *element;
} usages[] = {
    [HV_USAGE_VTPM] = {"vtpm", "name"},
    [HV_USAGE_VOLUME] = {"volume", "volume"},
};

static bool write_secret(xmlTextWriter *w, const struct hv_secret *secret)
{
    const char *type = usages[secret->usage].type, *element = usages[secret->usage].element;

#define X(text) ((const xmlChar *)(text))
    return xmlTextWriterStartElement(w, X("secret")) >= 0 &&
           xmlTextWriterWriteAttribute(w, X("ephemeral"), X("yes")) >= 0 &&
           xmlTextWriterWriteAttribute(w, X("private"), X("yes")) >= 0 &&
           xmlTextWriterWriteElement(w, X("uuid"), X(secret->uuid.text)) >= 0 &&
           xmlTextWriterWriteElement(w, X("description"), X(secret->description)) >= 0 &&
           xmlTextWriterStartElement(w, X("usage")) >= 0 && xmlTextWriterWriteAttribute(w, X("type"), X(type)) >= 0 &&
           xmlTextWriterWriteElement(w, X(element), X(secret->usage_id)) >= 0 && xmlTextWriterEndDocument(w) >= 0;
#undef X
}

char *secret_xml_write(const struct hv_secret *secret)
{
    ON_EXIT(release_buffer) xmlBuffer *buffer = xmlBufferCreate();
    xmlTextWriter *writer = buffer == NULL ? NULL : xmlNewTextWriterMemory(buffer, 0);
    bool written = writer != NULL && write_secret(writer, secret);

    release_writer(&writer); /* flushes into the buffer */
    return written ? strdup((const char *)xmlBufferContent(buffer)) : NULL;
}
