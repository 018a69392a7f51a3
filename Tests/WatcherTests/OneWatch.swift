import Testing

/// Tests that watch an inbox: libinotifytools has one watch per process, so they run one after the other.
@Suite(.serialized) enum OneWatch {}
