"""As a user of PODS would write them; what `inv connect --as django` prints, for two pools."""

import os
import sys

_POOL = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": os.environ["STORE_HOST"],
    "PORT": os.environ["STORE_PORT"],
    "USER": "store",
    "OPTIONS": {
        "sslmode": "verify-full",
        "sslrootcert": os.environ["STORE_CA"],
        "passfile": os.environ["STORE_PASSFILE"],
    },
    "DISABLE_SERVER_SIDE_CURSORS": True,
    "CONN_MAX_AGE": 60,
}
DATABASES = {
    "default": {**_POOL, "NAME": "store"},
    "replica": {**_POOL, "NAME": "store_read", "TEST": {"MIRROR": "default"}},
}
# a mirror is a connection of its own, which sees nothing of a TestCase's transaction (Django's ticket 23718)
DATABASE_ROUTERS = [] if "test" in sys.argv else ["tests.applications.django_store.router.Router"]
SECRET_KEY = "of no importance"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.applications.django_store.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "tests.applications.django_store",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
