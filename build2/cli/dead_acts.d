build2/cli/dead_acts.o: cli/dead_acts.c cli/dead_parts.h cli/audit.h \
 cli/audit_line.h schemas/digest.h schemas/err.h schemas/base.h \
 schemas/schema.h schemas/limits.h schemas/uuid.h schemas/writer.h \
 cli/settings.h cli/options.h cli/actions.h cli/selection.h cli/letter.h \
 bus/bus.h bus/tls.h bus/url.h schemas/envelope.h schemas/messages.h \
 cli/dead.h cli/progress.h cli/session.h bus/client.h cli/exit.h \
 cli/letter_print.h schemas/text.h
cli/dead_parts.h:
cli/audit.h:
cli/audit_line.h:
schemas/digest.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
cli/settings.h:
cli/options.h:
cli/actions.h:
cli/selection.h:
cli/letter.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/envelope.h:
schemas/messages.h:
cli/dead.h:
cli/progress.h:
cli/session.h:
bus/client.h:
cli/exit.h:
cli/letter_print.h:
schemas/text.h:
