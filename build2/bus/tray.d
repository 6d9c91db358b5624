build2/bus/tray.o: bus/tray.c bus/tray.h bus/bus.h bus/tls.h bus/url.h \
 schemas/err.h schemas/base.h schemas/limits.h schemas/text.h
bus/tray.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/text.h:
