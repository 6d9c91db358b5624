build2/cli/audit_verify.o: cli/audit_verify.c cli/audit.h \
 cli/audit_line.h schemas/digest.h schemas/err.h schemas/base.h \
 schemas/schema.h schemas/limits.h schemas/uuid.h schemas/writer.h \
 cli/settings.h cli/options.h cli/actions.h cli/selection.h cli/letter.h \
 bus/bus.h bus/tls.h bus/url.h schemas/envelope.h schemas/messages.h \
 cli/exit.h
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
cli/exit.h:
