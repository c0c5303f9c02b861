"""The routes of the adapters that the settings name. What they need is imported only for them."""

from fastapi import APIRouter

from service.settings import Adapter, Settings

KEY_IN_BODY = "/v1/vision/"  # DeepStack's clients send the key as a form field


def adapter_routers(settings: Settings) -> list[APIRouter]:
    """A router for each adapter."""
    return [_router(adapter) for adapter in settings.adapters or ()]


def paths_with_key_in_body(settings: Settings) -> tuple[str, ...]:
    """Beginnings of paths whose routes check the API key themselves."""
    return (KEY_IN_BODY,) if Adapter.DEEPSTACK in (settings.adapters or ()) else ()


def _router(adapter: Adapter) -> APIRouter:
    if adapter is Adapter.DEEPSTACK:
        from service.api.adapters import deepstack

        return deepstack.router
    from service.api.adapters.label_studio import route

    return route.router
