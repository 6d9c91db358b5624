build2/cli/main.o: cli/main.c cli/exit.h schemas/err.h schemas/base.h \
 cli/print.h schemas/schema.h schemas/limits.h schemas/uuid.h \
 schemas/writer.h cli/sealing.h cli/compose.h cli/options.h cli/actions.h \
 cli/selection.h cli/letter.h bus/bus.h bus/tls.h bus/url.h \
 schemas/envelope.h schemas/messages.h schemas/vault.h cli/session.h \
 bus/client.h cli/settings.h schemas/harden.h
cli/exit.h:
schemas/err.h:
schemas/base.h:
cli/print.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
cli/sealing.h:
cli/compose.h:
cli/options.h:
cli/actions.h:
cli/selection.h:
cli/letter.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/envelope.h:
schemas/messages.h:
schemas/vault.h:
cli/session.h:
bus/client.h:
cli/settings.h:
schemas/harden.h:
