build2/bus/tls.o: bus/tls.c bus/tls.h bus/url.h schemas/err.h \
 schemas/base.h schemas/limits.h bus/tls_words.h
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
bus/tls_words.h:
