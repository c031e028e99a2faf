"""Fills the column as a Django data migration would: keyset pages, and bulk_update in its batches.

    django_bulk_update.py <postgres|mariadb|sqlite> <url or file>
"""

import sys
from urllib.parse import unquote, urlparse

import django
from django.conf import settings

ENGINES = {
    "postgres": "django.db.backends.postgresql",
    "mariadb": "django.db.backends.mysql",
    "sqlite": "django.db.backends.sqlite3",
}
PAGE_ROWS = 1000


def database(name, where):
    if name == "sqlite":
        return {"ENGINE": ENGINES[name], "NAME": where}
    url = urlparse(where)
    return {
        "ENGINE": ENGINES[name],
        "NAME": url.path[1:],
        "HOST": url.hostname,
        "PORT": url.port,
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
    }


settings.configure(DATABASES={"default": database(*sys.argv[1:3])}, USE_TZ=True)
django.setup()

from django.db import models  # noqa: E402  (needs the settings)


class City(models.Model):
    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=100)
    pad = models.CharField(max_length=300)
    slug = models.CharField(max_length=100, null=True)

    class Meta:
        app_label = "bench"
        db_table = "city"


last = 0
while True:
    page = list(City.objects.filter(id__gt=last, slug=None).only("id", "name").order_by("id")[:PAGE_ROWS])
    if not page:
        break
    for city in page:
        city.slug = city.name.lower().replace(" ", "-")
    City.objects.bulk_update(page, ["slug"], batch_size=PAGE_ROWS)
    last = page[-1].id
