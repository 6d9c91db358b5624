build2/cli/compose.o: cli/compose.c cli/compose.h cli/options.h \
 cli/actions.h schemas/base.h cli/selection.h cli/letter.h bus/bus.h \
 bus/tls.h bus/url.h schemas/err.h schemas/limits.h schemas/envelope.h \
 schemas/schema.h schemas/uuid.h schemas/writer.h schemas/messages.h \
 schemas/vault.h cli/session.h bus/client.h cli/settings.h \
 schemas/digest.h
cli/compose.h:
cli/options.h:
cli/actions.h:
schemas/base.h:
cli/selection.h:
cli/letter.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/limits.h:
schemas/envelope.h:
schemas/schema.h:
schemas/uuid.h:
schemas/writer.h:
schemas/messages.h:
schemas/vault.h:
cli/session.h:
bus/client.h:
cli/settings.h:
schemas/digest.h:
